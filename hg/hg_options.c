/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The values of struct hg_init_info: what is refused, and what their zeros mean. Pure functions, any thread.
 */

#include "hg/hg_options.h"

#include <errno.h>
#include <stddef.h>

#include "na/na.h"
#include "util/util_detail.h"

/* Handles where request_post_incr forbids growth and request_post_init does not say from what. */
#define OPTIONS_REQUESTS_DEFAULT 512U
#define OPTIONS_REQUESTS_MAX     (1U << 20)
#define OPTIONS_RECV_BUFFERS_MAX 1024U
#define OPTIONS_MESSAGE_SIZE_MAX ((size_t)1 << 20)

static int options_check_requests(const struct hg_init_info *options)
{
    if (options->request_post_init > OPTIONS_REQUESTS_MAX)
        return util_detail_set(-EINVAL, "request_post_init %u is larger than %u", options->request_post_init,
                               OPTIONS_REQUESTS_MAX);
    if (options->request_post_incr < -1 || options->request_post_incr > (int32_t)OPTIONS_REQUESTS_MAX)
        return util_detail_set(-EINVAL, "request_post_incr %d is neither -1 nor between 0 and %u",
                               options->request_post_incr, OPTIONS_REQUESTS_MAX);
    return 0;
}

static int options_check_buffers(const struct hg_init_info *options)
{
    unsigned int op_max = options->multi_recv_op_max;

    if (op_max > OPTIONS_RECV_BUFFERS_MAX)
        return util_detail_set(-EINVAL, "multi_recv_op_max %u is larger than %u", op_max, OPTIONS_RECV_BUFFERS_MAX);
    if (op_max == 0)
        op_max = HG_OPTIONS_RECV_BUFFERS;
    if (options->multi_recv_copy_threshold > op_max)
        return util_detail_set(-EINVAL, "multi_recv_copy_threshold %u is larger than multi_recv_op_max %u",
                               options->multi_recv_copy_threshold, op_max);
    return 0;
}

static int options_check_enums(const struct hg_init_info *options)
{
    const struct na_init_info_4_0 *na = &options->na_init_info;

    if ((unsigned int)options->checksum_level > HG_CHECKSUM_RPC_PAYLOAD)
        return util_detail_set(-EINVAL, "checksum_level %d is none of the three levels", (int)options->checksum_level);
    if ((unsigned int)options->traffic_class > NA_TC_NETWORK_CTRL)
        return util_detail_set(-EINVAL, "traffic_class %d is none of enum na_traffic_class",
                               (int)options->traffic_class);
    if ((unsigned int)na->addr_format > NA_ADDR_NATIVE)
        return util_detail_set(-EINVAL, "addr_format %d is none of enum na_addr_format", (int)na->addr_format);
    if ((na->progress_mode & ~(NA_NO_BLOCK | NA_NO_RETRY)) != 0)
        return util_detail_set(-EINVAL, "progress_mode %#x has bits besides NA_NO_BLOCK and NA_NO_RETRY",
                               na->progress_mode);
    if ((na->thread_mode & ~NA_THREAD_MODE_SINGLE) != 0)
        return util_detail_set(-EINVAL, "thread_mode %#x has bits besides those of NA_THREAD_MODE_SINGLE",
                               na->thread_mode);
    return 0;
}

int hg_options_check(const struct hg_init_info *options)
{
    const struct na_init_info_4_0 *na = &options->na_init_info;
    int error = options_check_requests(options);

    if (error == 0)
        error = options_check_buffers(options);
    if (error == 0)
        error = options_check_enums(options);
    if (error != 0)
        return error;
    if (na->max_unexpected_size > OPTIONS_MESSAGE_SIZE_MAX || na->max_expected_size > OPTIONS_MESSAGE_SIZE_MAX)
        return util_detail_set(-EINVAL, "max_unexpected_size %zu or max_expected_size %zu is larger than %zu",
                               na->max_unexpected_size, na->max_expected_size, OPTIONS_MESSAGE_SIZE_MAX);
    return 0;
}

uint32_t hg_options_context_max(const struct hg_init_info *options)
{
    uint8_t wanted = options->na_init_info.max_contexts;

    /* 1 is what the initializer says: programs that open several contexts need not have set it. */
    return wanted > 1 ? wanted : NA_CONTEXTS_MAX;
}

uint32_t hg_options_requests_first(const struct hg_init_info *options)
{
    return options->request_post_init;
}

uint32_t hg_options_requests_more(const struct hg_init_info *options)
{
    if (options->request_post_incr < 0)
        return 0;
    return options->request_post_incr > 0 ? (uint32_t)options->request_post_incr : 1;
}

uint32_t hg_options_requests_max(const struct hg_init_info *options)
{
    if (options->request_post_incr >= 0)
        return UINT32_MAX;
    return options->request_post_init > 0 ? options->request_post_init : OPTIONS_REQUESTS_DEFAULT;
}
