/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_bufs: enough room, alignment, reuse within a class, bounded keeping.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "tests/support/support_guard.h"
#include "util/util_buf.h"
#include "util/util_rand.h"

TestSuite(util_buf, .init = support_begin, .fini = support_end);

Test(util_buf, class_is_the_smallest_that_fits)
{
    cr_assert_eq(util_bufs_class(0), 0);
    cr_assert_eq(util_bufs_class(64), 0);
    for (unsigned int i = 1; i < UTIL_BUFS_CLASSES; i++) {
        cr_assert_eq(util_bufs_class(util_bufs_class_size(i)), i);
        cr_assert_eq(util_bufs_class(util_bufs_class_size(i - 1) + 1), i);
    }
    cr_assert_eq(util_bufs_class_size(UTIL_BUFS_CLASSES - 1), 1 << 20);
    cr_assert_eq(util_bufs_class((1 << 20) + 1), UTIL_BUFS_CLASSES);
    cr_assert_eq(util_bufs_class(SIZE_MAX), UTIL_BUFS_CLASSES);
}

Test(util_buf, buffers_hold_what_was_asked_for_and_are_aligned)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 100000, 1 << 20, (1 << 20) + 1, 5 << 20};
    struct util_bufs bufs;

    util_bufs_init(&bufs);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *ptr = util_bufs_get(&bufs, sizes[i]);

        cr_assert_not_null(ptr);
        cr_assert_eq((uintptr_t)ptr % 8, 0);
        cr_assert(util_bufs_capacity(ptr) >= sizes[i]);
        memset(ptr, 0xab, util_bufs_capacity(ptr));
        util_bufs_put(&bufs, ptr);
    }
    cr_assert_eq(util_bufs_in_use(&bufs), 0);
    util_bufs_fini(&bufs);
}

Test(util_buf, a_returned_buffer_is_reused_without_allocating)
{
    struct util_bufs bufs;
    void *ptr;

    util_bufs_init(&bufs);
    ptr = util_bufs_get(&bufs, 1000);
    util_bufs_put(&bufs, ptr);
    util_alloc_fail_at(UINT64_MAX);
    cr_assert_eq(util_bufs_get(&bufs, 600), ptr);
    cr_assert_eq(util_alloc_count(), 0);
    cr_assert_eq(util_bufs_capacity(ptr), 1024);
    util_bufs_put(&bufs, ptr);
    util_bufs_fini(&bufs);
}

Test(util_buf, a_class_keeps_no_more_than_its_bound)
{
    struct util_bufs bufs;
    void *ptrs[10];

    util_bufs_init(&bufs);
    for (int i = 0; i < 10; i++)
        ptrs[i] = util_bufs_get(&bufs, 1 << 20);
    for (int i = 0; i < 10; i++)
        util_bufs_put(&bufs, ptrs[i]);
    cr_assert_eq(bufs.kept[UTIL_BUFS_CLASSES - 1], 4);
    cr_assert_eq(util_bufs_in_use(&bufs), 0);
    util_bufs_fini(&bufs);
}

Test(util_buf, no_memory_or_an_absurd_size_gives_null)
{
    struct util_bufs bufs;
    void *ptr;

    util_bufs_init(&bufs);
    util_alloc_fail_at(1);
    ptr = util_bufs_get(&bufs, 100);
    cr_assert_null(ptr);
    cr_assert_null(util_bufs_get(&bufs, SIZE_MAX));
    cr_assert_eq(util_bufs_in_use(&bufs), 0);
    util_bufs_put(&bufs, NULL);
    util_bufs_fini(&bufs);
    util_bufs_fini(NULL);
}

Test(util_buf, contents_stay_apart_over_random_use)
{
    static unsigned char *ptrs[64];
    static size_t sizes[64];
    struct util_bufs bufs;
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    util_bufs_init(&bufs);
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)util_prng_below(&prng, 64);

        if (ptrs[i] != NULL) {
            cr_assert_eq(ptrs[i][0], (unsigned char)i);
            cr_assert_eq(ptrs[i][sizes[i] - 1], (unsigned char)i);
            util_bufs_put(&bufs, ptrs[i]);
            ptrs[i] = NULL;
            continue;
        }
        sizes[i] = 1 + (size_t)(util_prng_next(&prng) >> (47 + util_prng_below(&prng, 16)));
        ptrs[i] = util_bufs_get(&bufs, sizes[i]);
        cr_assert_not_null(ptrs[i]);
        memset(ptrs[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < 64; i++)
        util_bufs_put(&bufs, ptrs[i]);
    util_bufs_fini(&bufs);
}
