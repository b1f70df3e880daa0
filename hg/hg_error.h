/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The border between the two kinds of error codes: negative errno values, which everything below
 * hg/ returns, and hg_return_t, which the public interface returns. This is the only place that
 * translates.
 *
 * The words behind an error are in util_detail: the function that knows the reason has set them
 * by the time a code arrives here. All functions may be called by any thread.
 */
#ifndef HG_HG_ERROR_H
#define HG_HG_ERROR_H

#include "mercury_core_types.h"
#include "util/util_detail.h"

/* The public code for 0 or a negative errno value. A value without a code of its own becomes
 * HG_OTHER_ERROR; a positive value, which no function returns, too. */
hg_return_t hg_error_from(int error);

/* The other way round: 0 or a negative errno value, such that hg_error_from gives the code back.
 * HG_NA_ERROR and HG_OTHER_ERROR are -EREMOTEIO and -ENOTRECOVERABLE; a number that is no code,
 * such as one that came over the wire, is -ENOTRECOVERABLE, too. */
int hg_error_to(hg_return_t ret);

/* Sets the sentence behind an error, printf style, and is the code itself:
 * `return hg_error_set(HG_INVALID_ARG, "HG_Forward: the handle has no target address");` */
#define hg_error_set(ret, ...) ((void)util_detail_set(0, __VA_ARGS__), (ret))

#endif /* HG_HG_ERROR_H */
