/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The values of struct hg_init_info: the borders of what is refused, and what zeros stand for.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "hg/hg_options.h"
#include "tests/support/support_guard.h"
#include "util/util_detail.h"

TestSuite(hg_options, .init = support_begin, .fini = support_end);

static struct hg_init_info defaults(void)
{
    return HG_INIT_INFO_INITIALIZER;
}

#define CHECK_REFUSED(options, word)                               \
    do {                                                           \
        cr_assert_eq(hg_options_check(&(options)), -EINVAL);       \
        cr_assert_not_null(strstr(util_detail_get(), word), word); \
    } while (0)

Test(hg_options, defaults_pass_and_mean_what_they_say)
{
    struct hg_init_info options = defaults();

    cr_assert_eq(hg_options_check(&options), 0);
    cr_assert_eq(hg_options_context_max(&options), 256);
    cr_assert_eq(hg_options_requests_first(&options), 0);
    cr_assert_eq(hg_options_requests_more(&options), 1);
    cr_assert_eq(hg_options_requests_max(&options), UINT32_MAX);
    cr_assert(!hg_options_no_retry(&options));
}

Test(hg_options, request_post_init_and_incr)
{
    struct hg_init_info options = defaults();

    options.request_post_incr = -1;
    cr_assert_eq(hg_options_check(&options), 0);
    cr_assert_eq(hg_options_requests_max(&options), 512);
    cr_assert_eq(hg_options_requests_more(&options), 0);
    options.request_post_init = 7;
    cr_assert_eq(hg_options_requests_max(&options), 7);
    options.request_post_incr = 3;
    cr_assert_eq(hg_options_requests_more(&options), 3);
    cr_assert_eq(hg_options_requests_max(&options), UINT32_MAX);
    options.request_post_incr = -2;
    CHECK_REFUSED(options, "request_post_incr");
    options.request_post_incr = (1 << 20) + 1;
    CHECK_REFUSED(options, "request_post_incr");
    options.request_post_incr = 1 << 20;
    options.request_post_init = 1U << 20;
    cr_assert_eq(hg_options_check(&options), 0);
    options.request_post_init++;
    CHECK_REFUSED(options, "request_post_init");
}

Test(hg_options, multi_recv_op_max_and_copy_threshold)
{
    struct hg_init_info options = defaults();

    options.multi_recv_copy_threshold = 4;
    cr_assert_eq(hg_options_check(&options), 0);
    options.multi_recv_copy_threshold = 5;
    CHECK_REFUSED(options, "multi_recv_copy_threshold");
    options.multi_recv_op_max = 5;
    cr_assert_eq(hg_options_check(&options), 0);
    options.multi_recv_op_max = 1025;
    CHECK_REFUSED(options, "multi_recv_op_max");
}

Test(hg_options, values_outside_their_enumerations_are_refused)
{
    struct hg_init_info options = defaults();

    options.checksum_level = (hg_checksum_level_t)3;
    CHECK_REFUSED(options, "checksum_level");
    options = defaults();
    options.traffic_class = (enum na_traffic_class)7;
    CHECK_REFUSED(options, "traffic_class");
    options = defaults();
    options.na_init_info.addr_format = (enum na_addr_format)4;
    CHECK_REFUSED(options, "addr_format");
    options = defaults();
    options.na_init_info.progress_mode = 4;
    CHECK_REFUSED(options, "progress_mode");
    options = defaults();
    options.na_init_info.thread_mode = 4;
    CHECK_REFUSED(options, "thread_mode");
}

Test(hg_options, max_sizes_and_max_contexts)
{
    struct hg_init_info options = defaults();

    options.na_init_info.max_expected_size = 1U << 20;
    options.na_init_info.max_unexpected_size = 1U << 20;
    cr_assert_eq(hg_options_check(&options), 0);
    options.na_init_info.max_unexpected_size++;
    CHECK_REFUSED(options, "max_unexpected_size");
    options.na_init_info.max_contexts = 2;
    cr_assert_eq(hg_options_context_max(&options), 2);
    options.na_init_info.max_contexts = 255;
    cr_assert_eq(hg_options_context_max(&options), 255);
    options.na_init_info.max_contexts = 0;
    cr_assert_eq(hg_options_context_max(&options), 256);
}
