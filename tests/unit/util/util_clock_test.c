/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_clock: monotonic, replaceable, arithmetic that saturates.
 */
#include <criterion/criterion.h>

#include "tests/support/support_guard.h"
#include "util/util_clock.h"

TestSuite(util_clock, .init = support_begin, .fini = support_end);

static uint64_t fake_now_ns;

static uint64_t fake_clock(void)
{
    return fake_now_ns;
}

Test(util_clock, real_time_never_goes_back)
{
    uint64_t last_ns = util_clock_now_ns();

    for (int i = 0; i < 1000; i++) {
        uint64_t now_ns = util_clock_now_ns();

        cr_assert(now_ns >= last_ns);
        last_ns = now_ns;
    }
}

Test(util_clock, replaced_clock_is_used_until_restored)
{
    fake_now_ns = 42;
    util_clock_replace(fake_clock);
    cr_assert_eq(util_clock_now_ns(), 42);
    util_clock_replace(NULL);
    cr_assert_neq(util_clock_now_ns(), 42);
}

Test(util_clock, deadlines_saturate_at_never)
{
    fake_now_ns = UTIL_CLOCK_NEVER - 10;
    util_clock_replace(fake_clock);
    cr_assert_eq(util_clock_deadline_ns(9), UTIL_CLOCK_NEVER - 1);
    cr_assert_eq(util_clock_deadline_ns(11), UTIL_CLOCK_NEVER);
    cr_assert_eq(util_clock_deadline_ms(1), UTIL_CLOCK_NEVER);
    fake_now_ns = 5;
    cr_assert_eq(util_clock_deadline_ms(2), 2 * UTIL_CLOCK_NS_PER_MS + 5);
    cr_assert_eq(util_clock_deadline_ms(UINT64_MAX), UTIL_CLOCK_NEVER);
}

Test(util_clock, poll_time_rounds_up_and_is_limited)
{
    cr_assert_eq(util_clock_poll_ms(100, 100, 50), 0);
    cr_assert_eq(util_clock_poll_ms(100, 99, 50), 0);
    cr_assert_eq(util_clock_poll_ms(100, 101, 50), 1);
    cr_assert_eq(util_clock_poll_ms(0, UTIL_CLOCK_NS_PER_MS, 50), 1);
    cr_assert_eq(util_clock_poll_ms(0, UTIL_CLOCK_NS_PER_MS + 1, 50), 2);
    cr_assert_eq(util_clock_poll_ms(0, UTIL_CLOCK_NEVER, 50), 50);
    cr_assert_eq(util_clock_poll_ms(0, UTIL_CLOCK_NEVER, 0), 0);
}
