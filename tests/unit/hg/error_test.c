/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Error codes: both directions of the translation, and the names.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "hg/hg_error.h"
#include "mercury.h"
#include "quicksilver.h"
#include "tests/support/support_guard.h"

TestSuite(hg_error, .init = support_begin, .fini = support_end);

Test(hg_error, every_code_survives_the_way_down_and_up)
{
    for (int code = HG_SUCCESS; code < HG_RETURN_MAX; code++) {
        int error = hg_error_to((hg_return_t)code);

        cr_assert_leq(error, 0);
        cr_assert_eq(hg_error_from(error), (hg_return_t)code, "%s", HG_Error_to_string((hg_return_t)code));
    }
}

Test(hg_error, the_usual_errors_have_their_codes)
{
    cr_assert_eq(hg_error_from(0), HG_SUCCESS);
    cr_assert_eq(hg_error_from(-EAGAIN), HG_AGAIN);
    cr_assert_eq(hg_error_from(-ENOMEM), HG_NOMEM);
    cr_assert_eq(hg_error_from(-EINVAL), HG_INVALID_ARG);
    cr_assert_eq(hg_error_from(-ECONNREFUSED), HG_HOSTUNREACH);
    cr_assert_eq(hg_error_from(-ECONNRESET), HG_HOSTUNREACH);
    cr_assert_eq(hg_error_from(-EHOSTUNREACH), HG_HOSTUNREACH);
    cr_assert_eq(hg_error_from(-ETIMEDOUT), HG_TIMEOUT);
    cr_assert_eq(hg_error_from(-ECANCELED), HG_CANCELED);
    cr_assert_eq(hg_error_from(-EOVERFLOW), HG_OVERFLOW);
    cr_assert_eq(hg_error_from(-EPROTO), HG_PROTOCOL_ERROR);
}

Test(hg_error, unknown_numbers_are_other_errors)
{
    cr_assert_eq(hg_error_from(-99999), HG_OTHER_ERROR);
    cr_assert_eq(hg_error_from(EINVAL), HG_OTHER_ERROR);
    cr_assert_eq(hg_error_from(INT_MIN), HG_OTHER_ERROR);
    cr_assert_eq(hg_error_to((hg_return_t)12345), -ENOTRECOVERABLE);
}

Test(hg_error, names_are_the_symbols)
{
    cr_assert_str_eq(HG_Error_to_string(HG_SUCCESS), "HG_SUCCESS");
    cr_assert_str_eq(HG_Error_to_string(HG_INVALID_PARAM), "HG_INVALID_ARG");
    cr_assert_str_eq(HG_Error_to_string(HG_HOSTUNREACH), "HG_HOSTUNREACH");
    cr_assert_str_eq(HG_Error_to_string(HG_OTHER_ERROR), "HG_OTHER_ERROR");
    cr_assert_str_eq(HG_Error_to_string((hg_return_t)-1), "HG_UNKNOWN_ERROR");
    cr_assert_str_eq(HG_Error_to_string((hg_return_t)1000), "HG_UNKNOWN_ERROR");
}

#define NAME_OF(code) [code] = #code

/* Programs put them into messages and look for them there. */
Test(hg_error, every_code_has_its_symbol_for_a_name)
{
    static const char *const names[HG_RETURN_MAX] = {
        NAME_OF(HG_SUCCESS),        NAME_OF(HG_PERMISSION), NAME_OF(HG_NOENTRY),      NAME_OF(HG_INTERRUPT),
        NAME_OF(HG_AGAIN),          NAME_OF(HG_NOMEM),      NAME_OF(HG_ACCESS),       NAME_OF(HG_FAULT),
        NAME_OF(HG_BUSY),           NAME_OF(HG_EXIST),      NAME_OF(HG_NODEV),        NAME_OF(HG_INVALID_ARG),
        NAME_OF(HG_PROTOCOL_ERROR), NAME_OF(HG_OVERFLOW),   NAME_OF(HG_MSGSIZE),      NAME_OF(HG_PROTONOSUPPORT),
        NAME_OF(HG_OPNOTSUPPORTED), NAME_OF(HG_ADDRINUSE),  NAME_OF(HG_ADDRNOTAVAIL), NAME_OF(HG_HOSTUNREACH),
        NAME_OF(HG_TIMEOUT),        NAME_OF(HG_CANCELED),   NAME_OF(HG_IO_ERROR),     NAME_OF(HG_HOSTFIREWALL),
        NAME_OF(HG_CHECKSUM_ERROR), NAME_OF(HG_NA_ERROR),   NAME_OF(HG_OTHER_ERROR),
    };

    for (int code = 0; code < HG_RETURN_MAX; code++) {
        cr_assert_not_null(names[code], "code %d", code);
        cr_assert_str_eq(HG_Error_to_string((hg_return_t)code), names[code]);
    }
}

Test(hg_error, a_failed_call_leaves_a_sentence)
{
    cr_assert_eq(hg_error_set(HG_BUSY, "the %s is busy", "handle"), HG_BUSY);
    cr_assert_str_eq(qs_error_detail(), "the handle is busy");
}
