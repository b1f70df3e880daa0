/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Programs that use Boost's preprocessor themselves: before, after and without ours. Boost comes last here, after
 * our replacement for the one macro that Mercury's users take from it.
 */
#define QS_NO_BOOST 1
#include "mercury_macros.h"
#include "mercury_proc_string.h"

MERCURY_GEN_PROC(before_boost_t, ((uint32_t)(number))((hg_string_t)(text)))

#if defined(__has_include)
#if __has_include(<boost/preprocessor.hpp>)
#include <boost/preprocessor.hpp>
#define COMPAT_FIELD(r, data, elem) ((uint64_t)(elem))
#define COMPAT_FIELDS               BOOST_PP_SEQ_FOR_EACH(COMPAT_FIELD, , (a)(b)(c))
#else
#define COMPAT_FIELDS ((uint64_t)(a))((uint64_t)(b))((uint64_t)(c))
#endif
#endif

MERCURY_GEN_PROC(after_boost_t, COMPAT_FIELDS)

int main()
{
    hg_proc_cb_t in = BOOST_PP_CAT(hg_proc_, before_boost_t);
    hg_proc_cb_t out = BOOST_PP_CAT(hg_proc_, after_boost_t);

    return in != nullptr && out != nullptr && sizeof(after_boost_t) == 24 ? 0 : 1;
}
