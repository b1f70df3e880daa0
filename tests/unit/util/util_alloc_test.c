/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_alloc: the n-th allocation fails and only that one, sizes at the edges.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/support_guard.h"
#include "util/util_alloc.h"

TestSuite(util_alloc, .init = support_begin, .fini = support_end);

Test(util_alloc, the_nth_allocation_fails_once)
{
    void *a;
    void *b;
    void *c;

    util_alloc_fail_at(2);
    a = util_malloc(10);
    b = util_malloc(10);
    c = util_malloc(10);
    cr_assert_not_null(a);
    cr_assert_null(b);
    cr_assert_not_null(c);
    cr_assert_eq(util_alloc_count(), 3);
    util_alloc_fail_at(0);
    util_free(a);
    util_free(b);
    util_free(c);
}

Test(util_alloc, every_kind_of_allocation_can_fail)
{
    void *kept = util_malloc(1);
    void *results[5];

    util_alloc_fail_at(1);
    results[0] = util_malloc(1);
    util_alloc_fail_at(1);
    results[1] = util_calloc(1, 1);
    util_alloc_fail_at(1);
    results[2] = util_realloc(kept, 100);
    util_alloc_fail_at(1);
    results[3] = util_aligned(64, 1);
    util_alloc_fail_at(1);
    results[4] = util_strdup("x");
    for (size_t i = 0; i < 5; i++)
        cr_assert_null(results[i]);
    util_free(kept);
}

Test(util_alloc, counting_hook_never_fails)
{
    util_alloc_fail_at(UINT64_MAX);
    for (int i = 0; i < 100; i++) {
        void *ptr = util_malloc(8);

        cr_assert_not_null(ptr);
        util_free(ptr);
    }
    cr_assert_eq(util_alloc_count(), 100);
}

Test(util_alloc, size_zero_gives_something_to_free)
{
    void *ptrs[] = {util_malloc(0), util_calloc(0, 8), util_aligned(4096, 0), util_realloc(NULL, 0)};

    for (size_t i = 0; i < sizeof(ptrs) / sizeof(ptrs[0]); i++) {
        cr_assert_not_null(ptrs[i]);
        util_free(ptrs[i]);
    }
    util_free(NULL);
}

Test(util_alloc, calloc_refuses_a_product_that_overflows)
{
    volatile size_t huge = SIZE_MAX / 2;

    cr_assert_null(util_calloc(huge, 3));
}

Test(util_alloc, aligned_memory_is_aligned)
{
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        void *ptr = util_aligned(alignment, 100);

        cr_assert_eq((uintptr_t)ptr % alignment, 0);
        memset(ptr, 1, 100);
        util_free(ptr);
    }
}

Test(util_alloc, strdup_copies_the_text)
{
    char *copy = util_strdup("quick");

    cr_assert_str_eq(copy, "quick");
    util_free(copy);
}
