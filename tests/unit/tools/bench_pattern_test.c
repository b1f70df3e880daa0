/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What --verify promises: the first wrong byte is found wherever it is, and bytes of another call
 * or another place are wrong.
 */
#include "tools/bench_pattern.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_TRIED 70U

Test(bench_pattern, a_filled_buffer_checks_at_every_size)
{
    unsigned char buf[SIZE_MAX_TRIED + 1];

    for (size_t size = 0; size <= SIZE_MAX_TRIED; size++) {
        memset(buf, 0xa5, sizeof(buf));
        bench_pattern_fill(buf, size, 7);
        cr_assert_eq(buf[size], 0xa5, "fill wrote behind %zu bytes", size);
        cr_assert_eq(bench_pattern_check(buf, size, 7), UINT64_MAX);
    }
}

Test(bench_pattern, the_first_wrong_byte_is_named_wherever_it_is)
{
    unsigned char buf[SIZE_MAX_TRIED];

    for (size_t bad = 0; bad < sizeof(buf); bad++) {
        bench_pattern_fill(buf, sizeof(buf), 99);
        buf[bad] ^= 0x40;
        buf[sizeof(buf) - 1] ^= bad == sizeof(buf) - 1 ? 0 : 1;
        cr_assert_eq(bench_pattern_check(buf, sizeof(buf), 99), bad);
    }
}

Test(bench_pattern, bytes_of_another_seed_or_place_are_wrong)
{
    unsigned char buf[256];

    bench_pattern_fill(buf, sizeof(buf), 1);
    cr_assert_neq(bench_pattern_check(buf, sizeof(buf), 2), UINT64_MAX);
    cr_assert_neq(bench_pattern_check(buf + 8, sizeof(buf) - 8, 1), UINT64_MAX);
    memset(buf, 0, sizeof(buf));
    cr_assert_neq(bench_pattern_check(buf, sizeof(buf), 0), UINT64_MAX);
}
