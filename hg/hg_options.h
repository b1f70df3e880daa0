/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_options.h
 * What the fields of struct hg_init_info may hold, and the questions that the rest of the core asks about them.
 * Which of them a transport can honour is the transport's affair.
 */

#ifndef HG_HG_OPTIONS_H
#define HG_HG_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "mercury_core_types.h"

/** Receive buffers of a context where nothing else is asked for (multi_recv_op_max). */
#define HG_OPTIONS_RECV_BUFFERS 4U

/** Whether the values make sense, by themselves and together. -EINVAL with a detail that names the field. */
int hg_options_check(const struct hg_init_info *options);

/** Contexts that a class may have; their ids are below that. */
uint32_t hg_options_context_max(const struct hg_init_info *options);

/** Handles of requests that a context makes when it is created. */
uint32_t hg_options_requests_first(const struct hg_init_info *options);

/** How many more it makes when all are in use; 0: none, ever. */
uint32_t hg_options_requests_more(const struct hg_init_info *options);

/** The most that it has; UINT32_MAX: any number. */
uint32_t hg_options_requests_max(const struct hg_init_info *options);

/** Calls that cannot leave now are refused with HG_AGAIN. */
static inline bool hg_options_no_retry(const struct hg_init_info *options)
{
    return (options->na_init_info.progress_mode & NA_NO_RETRY) != 0;
}

#endif
