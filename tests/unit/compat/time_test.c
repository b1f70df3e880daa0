/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of mercury_time.h, and of the atomic integers of mercury_atomic.h in one thread.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "mercury_atomic.h"
#include "mercury_time.h"
#include "tests/support/support_guard.h"

TestSuite(compat_time, .init = support_begin, .fini = support_end);

static hg_time_t at(time_t sec, long nsec)
{
    return (hg_time_t){.tv_sec = sec, .tv_nsec = nsec};
}

static bool same(hg_time_t a, hg_time_t b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

Test(compat_time, converts)
{
    cr_assert(same(hg_time_from_ms(0), at(0, 0)));
    cr_assert(same(hg_time_from_ms(2345), at(2, 345000000)));
    cr_assert_eq(hg_time_to_ms(at(2, 345000000)), 2345);
    cr_assert_eq(hg_time_to_ms(at(2, 345000001)), 2346, "rounded up");
    cr_assert_float_eq(hg_time_to_double(at(3, 250000000)), 3.25, 1e-12);
    cr_assert(same(hg_time_from_double(3.25), at(3, 250000000)));
}

Test(compat_time, adds_and_subtracts_across_the_second)
{
    cr_assert(same(hg_time_add(at(1, 600000000), at(2, 500000000)), at(4, 100000000)));
    cr_assert(same(hg_time_add(at(1, 500000000), at(2, 500000000)), at(4, 0)), "a whole second is a second");
    cr_assert(same(hg_time_subtract(at(4, 100000000), at(2, 500000000)), at(1, 600000000)));
    cr_assert_float_eq(hg_time_diff(at(4, 100000000), at(2, 500000000)), 1.6, 1e-9);
    cr_assert_float_eq(hg_time_diff(at(2, 500000000), at(4, 100000000)), -1.6, 1e-9);
}

Test(compat_time, compares)
{
    cr_assert(hg_time_less(at(1, 9), at(2, 0)));
    cr_assert(hg_time_less(at(2, 0), at(2, 1)));
    cr_assert_not(hg_time_less(at(2, 1), at(2, 1)));
    cr_assert_not(hg_time_less(at(2, 0), at(1, 9)));
}

Test(compat_time, goes_on_by_what_was_slept)
{
    hg_time_t before;
    hg_time_t after;

    cr_assert_eq(hg_time_get_current(&before), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_time_sleep(hg_time_from_ms(2)), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_time_get_current(&after), HG_UTIL_SUCCESS);
    cr_assert_geq(hg_time_diff(after, before), 0.002);
    cr_assert_eq(hg_time_sleep(at(0, -1)), HG_UTIL_FAIL);
    cr_assert_eq(hg_time_get_current_ms(&before), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_time_get_current(&after), HG_UTIL_SUCCESS);
    cr_assert_not(hg_time_less(after, before), "the coarse clock is never ahead");
}

Test(compat_time, stamp_says_the_year)
{
    char year[8];
    time_t now = time(NULL);
    struct tm local;

    cr_assert_not_null(localtime_r(&now, &local));
    cr_assert_gt(strftime(year, sizeof(year), "%Y", &local), 0);
    cr_assert_not_null(strstr(hg_time_stamp(), year));
}

Test(compat_time, atomics_of_32_bits)
{
    static hg_atomic_int32_t made = HG_ATOMIC_VAR_INIT(5);
    hg_atomic_int32_t value;

    cr_assert_eq(hg_atomic_get32(&made), 5);
    hg_atomic_init32(&value, 1);
    cr_assert_eq(hg_atomic_incr32(&value), 2, "the value after");
    cr_assert_eq(hg_atomic_decr32(&value), 1, "the value after");
    cr_assert_eq(hg_atomic_or32(&value, 6), 1, "the value before");
    cr_assert_eq(hg_atomic_xor32(&value, 3), 7, "the value before");
    cr_assert_eq(hg_atomic_and32(&value, 12), 4, "the value before");
    cr_assert_eq(hg_atomic_get32(&value), 4);
    cr_assert_not(hg_atomic_cas32(&value, 5, 6));
    cr_assert_eq(hg_atomic_get32(&value), 4);
    cr_assert(hg_atomic_cas32(&value, 4, INT32_MIN));
    hg_atomic_fence();
    cr_assert_eq(hg_atomic_get32(&value), INT32_MIN);
    hg_atomic_set32(&value, INT32_MAX);
    cr_assert_eq(hg_atomic_get32(&value), INT32_MAX);
}

Test(compat_time, atomics_of_64_bits)
{
    hg_atomic_int64_t value;

    hg_atomic_init64(&value, INT64_C(1) << 40);
    cr_assert_eq(hg_atomic_incr64(&value), (INT64_C(1) << 40) + 1);
    cr_assert_eq(hg_atomic_decr64(&value), INT64_C(1) << 40);
    cr_assert_eq(hg_atomic_or64(&value, 6), INT64_C(1) << 40);
    cr_assert_eq(hg_atomic_xor64(&value, 3), (INT64_C(1) << 40) + 6);
    cr_assert_eq(hg_atomic_and64(&value, 12), (INT64_C(1) << 40) + 5);
    cr_assert_eq(hg_atomic_get64(&value), 4);
    cr_assert_not(hg_atomic_cas64(&value, 5, 6));
    cr_assert(hg_atomic_cas64(&value, 4, INT64_MIN));
    cr_assert_eq(hg_atomic_get64(&value), INT64_MIN);
    hg_atomic_set64(&value, INT64_MAX);
    cr_assert_eq(hg_atomic_get64(&value), INT64_MAX);
}
