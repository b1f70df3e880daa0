/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_hist: three significant digits, exact ends, counts behind a percentile.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_hist.h"
#include "util/util_rand.h"

TestSuite(util_hist, .init = support_begin, .fini = support_end);

Test(util_hist, empty_histogram_gives_zeros)
{
    struct util_hist hist;
    uint64_t beyond = 1;

    cr_assert_eq(util_hist_init(&hist), 0);
    cr_assert_eq(util_hist_percentile(&hist, 99.0, &beyond), 0);
    cr_assert_eq(beyond, 0);
    cr_assert_eq(util_hist_min(&hist), 0);
    cr_assert_eq(util_hist_max(&hist), 0);
    cr_assert_eq(util_hist_mean(&hist), 0.0);
    util_hist_fini(&hist);
    util_hist_fini(NULL);
}

Test(util_hist, single_value_is_reported_to_a_tenth_of_a_percent)
{
    struct util_hist hist;

    cr_assert_eq(util_hist_init(&hist), 0);
    for (uint64_t value = 0; value < UINT64_C(1) << 39; value = value * 3 / 2 + 1) {
        uint64_t reported;

        util_hist_reset(&hist);
        util_hist_record(&hist, value);
        util_hist_record(&hist, UINT64_C(1) << 39); /* lifts the maximum out of the way */
        reported = util_hist_percentile(&hist, 50.0, NULL);
        cr_assert(reported >= value && reported - value <= value / 1000, "%llu for %llu", (unsigned long long)reported,
                  (unsigned long long)value);
    }
    util_hist_fini(&hist);
}

Test(util_hist, values_beyond_the_range_count_in_the_tail)
{
    struct util_hist hist;

    cr_assert_eq(util_hist_init(&hist), 0);
    util_hist_record(&hist, 1);
    util_hist_record(&hist, UINT64_MAX);
    cr_assert_eq(util_hist_max(&hist), UINT64_MAX);
    cr_assert_eq(util_hist_min(&hist), 1);
    cr_assert_eq(util_hist_percentile(&hist, 100.0, NULL), UINT64_MAX);
    cr_assert_eq(util_hist_percentile(&hist, 50.0, NULL), 1);
    util_hist_fini(&hist);
}

Test(util_hist, percentiles_say_how_many_records_lie_beyond)
{
    struct util_hist hist;
    uint64_t beyond;

    cr_assert_eq(util_hist_init(&hist), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        util_hist_record(&hist, i);
    cr_assert_eq(util_hist_percentile(&hist, 50.0, &beyond), 500);
    cr_assert_eq(beyond, 500);
    cr_assert_eq(util_hist_percentile(&hist, 99.0, &beyond), 990);
    cr_assert_eq(beyond, 10);
    cr_assert_eq(util_hist_percentile(&hist, 100.0, &beyond), 1000);
    cr_assert_eq(beyond, 0);
    cr_assert_eq(util_hist_percentile(&hist, 0.0, &beyond), 1);
    cr_assert_eq(util_hist_count(&hist), 1000);
    cr_assert_float_eq(util_hist_mean(&hist), 500.5, 1e-9);
    util_hist_fini(&hist);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

Test(util_hist, merged_parts_agree_with_the_sorted_values)
{
    static uint64_t values[10000];
    struct util_hist parts[2];
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    cr_assert_eq(util_hist_init(&parts[0]), 0);
    cr_assert_eq(util_hist_init(&parts[1]), 0);
    for (size_t i = 0; i < 10000; i++) {
        values[i] = util_prng_next(&prng) >> (26 + util_prng_below(&prng, 30));
        util_hist_record(&parts[i % 2], values[i]);
    }
    util_hist_merge(&parts[0], &parts[1]);
    qsort(values, 10000, sizeof(values[0]), compare_u64);
    for (unsigned int percent = 1; percent <= 100; percent++) {
        uint64_t exact = values[percent * 100 - 1];
        uint64_t reported = util_hist_percentile(&parts[0], percent, NULL);

        cr_assert(reported >= exact && reported - exact <= exact / 1000);
    }
    cr_assert_eq(util_hist_min(&parts[0]), values[0]);
    cr_assert_eq(util_hist_max(&parts[0]), values[9999]);
    util_hist_fini(&parts[0]);
    util_hist_fini(&parts[1]);
}

Test(util_hist, coarse_value_is_reported_to_a_sixteenth)
{
    struct util_hist hist;

    cr_assert_eq(util_hist_init_coarse(&hist), 0);
    for (uint64_t value = 0; value < UINT64_C(1) << 39; value = value * 5 / 4 + 1) {
        uint64_t reported;

        util_hist_reset(&hist);
        util_hist_record(&hist, value);
        util_hist_record(&hist, UINT64_C(1) << 39); /* lifts the maximum out of the way */
        reported = util_hist_percentile(&hist, 50.0, NULL);
        cr_assert(reported >= value && reported - value <= value / 16, "%llu for %llu", (unsigned long long)reported,
                  (unsigned long long)value);
    }
    util_hist_reset(&hist);
    util_hist_record(&hist, UINT64_MAX);
    cr_assert_eq(util_hist_percentile(&hist, 99.9, NULL), UINT64_MAX);
    util_hist_fini(&hist);
}

Test(util_hist, value_counts_for_those_that_it_stands_for)
{
    struct util_hist hist;
    struct util_hist more;
    uint64_t beyond;

    cr_assert_eq(util_hist_init_coarse(&hist), 0);
    cr_assert_eq(util_hist_init_coarse(&more), 0);
    util_hist_record(&hist, 10);
    util_hist_record_many(&hist, 20, 64);
    util_hist_record_many(&more, 30, 35);
    util_hist_merge(&hist, &more);
    cr_assert_eq(util_hist_count(&hist), 100);
    cr_assert_eq(util_hist_min(&hist), 10);
    cr_assert_eq(util_hist_max(&hist), 30);
    cr_assert_eq(util_hist_percentile(&hist, 1.0, NULL), 10);
    cr_assert_eq(util_hist_percentile(&hist, 65.0, &beyond), 20);
    cr_assert_eq(beyond, 35);
    cr_assert_eq(util_hist_percentile(&hist, 66.0, NULL), 30);
    cr_assert_float_eq(util_hist_mean(&hist), (10.0 + 20.0 * 64 + 30.0 * 35) / 100, 1e-9);
    util_hist_fini(&hist);
    util_hist_fini(&more);
}

Test(util_hist, init_without_memory_says_so)
{
    struct util_hist hist;

    util_alloc_fail_at(1);
    cr_assert_eq(util_hist_init(&hist), -ENOMEM);
}
