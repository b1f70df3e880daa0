/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_pool: distinct aligned objects, the bound, reuse, and what survives a put.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "tests/support/support_guard.h"
#include "util/util_pool.h"

TestSuite(util_pool, .init = support_begin, .fini = support_end);

struct object {
    void *first; /* overwritten by put */
    uint64_t generation;
    char text[20];
};

Test(util_pool, objects_are_zeroed_aligned_and_distinct)
{
    struct util_pool pool;
    struct object *objects[10];
    struct object zero;

    memset(&zero, 0, sizeof(zero));
    util_pool_init(&pool, sizeof(struct object), 4, 0);
    for (int i = 0; i < 10; i++) {
        objects[i] = util_pool_get(&pool);
        cr_assert_not_null(objects[i]);
        cr_assert_eq((uintptr_t)objects[i] % 16, 0);
        objects[i]->first = NULL;
        cr_assert_eq(memcmp(objects[i], &zero, sizeof(zero)), 0);
        memset(objects[i], i + 1, sizeof(struct object));
    }
    for (int i = 0; i < 10; i++)
        cr_assert_eq(objects[i]->text[19], i + 1);
    cr_assert_eq(util_pool_in_use(&pool), 10);
    for (int i = 0; i < 10; i++)
        util_pool_put(&pool, objects[i]);
    cr_assert_eq(util_pool_in_use(&pool), 0);
    util_pool_fini(&pool);
}

Test(util_pool, bound_is_kept_to_the_object)
{
    struct util_pool pool;
    void *objects[7];

    util_pool_init(&pool, 1, 3, 7);
    for (int i = 0; i < 7; i++) {
        objects[i] = util_pool_get(&pool);
        cr_assert_not_null(objects[i]);
    }
    cr_assert_null(util_pool_get(&pool));
    cr_assert_eq(util_pool_grow(&pool), -ENOSPC);
    util_pool_put(&pool, objects[3]);
    objects[3] = util_pool_get(&pool);
    cr_assert_not_null(objects[3]);
    for (int i = 0; i < 7; i++)
        util_pool_put(&pool, objects[i]);
    util_pool_fini(&pool);
}

Test(util_pool, what_lies_behind_the_first_bytes_survives_a_put)
{
    struct util_pool pool;
    struct object *object;

    util_pool_init(&pool, sizeof(struct object), 4, 0);
    object = util_pool_get(&pool);
    object->generation = 41;
    util_pool_put(&pool, object);
    cr_assert_eq(util_pool_get(&pool), object);
    cr_assert_eq(object->generation, 41);
    util_pool_put(&pool, object);
    util_pool_fini(&pool);
}

Test(util_pool, get_without_memory_gives_null_and_leaves_the_pool_usable)
{
    struct util_pool pool;
    void *object;

    util_pool_init(&pool, 32, 4, 0);
    util_alloc_fail_at(1);
    object = util_pool_get(&pool);
    cr_assert_null(object);
    object = util_pool_get(&pool);
    cr_assert_not_null(object);
    cr_assert_eq(util_pool_in_use(&pool), 1);
    util_pool_put(&pool, object);
    util_pool_fini(&pool);
}

Test(util_pool, grow_ahead_makes_gets_free_of_allocations)
{
    struct util_pool pool;
    void *objects[8];

    util_pool_init(&pool, 32, 8, 0);
    cr_assert_eq(util_pool_grow(&pool), 0);
    util_alloc_fail_at(UINT64_MAX);
    for (int i = 0; i < 8; i++)
        objects[i] = util_pool_get(&pool);
    cr_assert_eq(util_alloc_count(), 0);
    for (int i = 0; i < 8; i++)
        util_pool_put(&pool, objects[i]);
    util_pool_fini(&pool);
}

static void count_visit(void *obj, void *arg)
{
    struct object *object = obj;
    unsigned int *count = arg;

    object->generation++;
    (*count)++;
}

Test(util_pool, each_visits_all_objects_in_use_or_not)
{
    struct util_pool pool;
    unsigned int count = 0;
    struct object *a;
    struct object *b;

    util_pool_init(&pool, sizeof(struct object), 4, 6);
    a = util_pool_get(&pool);
    for (int i = 0; i < 2; i++)
        (void)util_pool_grow(&pool);
    util_pool_each(&pool, count_visit, &count);
    cr_assert_eq(count, 6);
    cr_assert_eq(a->generation, 1);
    b = util_pool_get(&pool);
    cr_assert_eq(b->generation, 1);
    util_pool_put(&pool, a);
    util_pool_put(&pool, b);
    util_pool_fini(&pool);
}

Test(util_pool, null_is_taken_where_a_destructor_is)
{
    struct util_pool pool;

    util_pool_init(&pool, 8, 1, 0);
    util_pool_put(&pool, NULL);
    util_pool_fini(&pool);
    util_pool_fini(&pool);
    util_pool_fini(NULL);
}
