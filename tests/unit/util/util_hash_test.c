/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_map against a plain array over random operations, and of the string hash.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_hash.h"
#include "util/util_rand.h"

TestSuite(util_hash, .init = support_begin, .fini = support_end);

Test(util_hash, put_get_remove)
{
    struct util_map map;
    int a;
    int b;

    util_map_init(&map, 0);
    cr_assert_null(util_map_get(&map, 1));
    cr_assert_null(util_map_remove(&map, 1));
    cr_assert_eq(util_map_put(&map, 1, &a), 0);
    cr_assert_eq(util_map_put(&map, 1, &b), -EEXIST);
    cr_assert_eq(util_map_get(&map, 1), &a);
    cr_assert_eq(util_map_put(&map, 0, &b), 0, "0 is a key like any other");
    cr_assert_eq(util_map_count(&map), 2);
    cr_assert_eq(util_map_remove(&map, 1), &a);
    cr_assert_null(util_map_get(&map, 1));
    cr_assert_eq(util_map_get(&map, 0), &b);
    util_map_fini(&map);
    util_map_fini(NULL);
}

Test(util_hash, bound_and_lack_of_memory_refuse_and_keep_the_map)
{
    struct util_map map;
    int value;

    util_map_init(&map, 2);
    util_alloc_fail_at(1);
    cr_assert_eq(util_map_put(&map, 1, &value), -ENOMEM);
    cr_assert_eq(util_map_put(&map, 1, &value), 0);
    cr_assert_eq(util_map_put(&map, 2, &value), 0);
    cr_assert_eq(util_map_put(&map, 3, &value), -ENOSPC);
    cr_assert_eq(util_map_count(&map), 2);
    util_map_fini(&map);
}

Test(util_hash, walk_meets_every_entry_once)
{
    struct util_map map;
    char values[100];
    bool seen[100] = {false};
    size_t cursor = 0;
    uint64_t key;
    char *value;
    int count = 0;

    util_map_init(&map, 0);
    for (uint64_t i = 0; i < 100; i++)
        cr_assert_eq(util_map_put(&map, i << 40, &values[i]), 0);
    while ((value = util_map_next(&map, &cursor, &key)) != NULL) {
        size_t i = (size_t)(value - values);

        cr_assert_eq(key, (uint64_t)i << 40);
        cr_assert_not(seen[i]);
        seen[i] = true;
        count++;
    }
    cr_assert_eq(count, 100);
    cr_assert_null(util_map_next(&map, &cursor, NULL));
    util_map_fini(&map);
}

#define MODEL_KEYS 3000U

Test(util_hash, agrees_with_a_plain_array_over_random_operations)
{
    static char values[MODEL_KEYS];
    static bool present[MODEL_KEYS];
    struct util_map map;
    struct util_prng prng;
    size_t count = 0;

    util_prng_init(&prng, support_seed());
    util_map_init(&map, 0);
    for (int step = 0; step < 200000; step++) {
        uint64_t key = util_prng_below(&prng, MODEL_KEYS);
        void *expected = present[key] ? &values[key] : NULL;

        cr_assert_eq(util_map_get(&map, key), expected);
        if (util_prng_below(&prng, 2) == 0) {
            cr_assert_eq(util_map_remove(&map, key), expected);
            count -= present[key] ? 1 : 0;
            present[key] = false;
        } else {
            cr_assert_eq(util_map_put(&map, key, &values[key]), present[key] ? -EEXIST : 0);
            count += present[key] ? 0 : 1;
            present[key] = true;
        }
        cr_assert_eq(util_map_count(&map), count);
    }
    util_map_fini(&map);
}

Test(util_hash, string_hash_is_stable_and_tells_texts_apart)
{
    cr_assert_eq(util_hash_string64("hg_bench_rate"), util_hash_string64("hg_bench_rate"));
    cr_assert_neq(util_hash_string64("a"), util_hash_string64("b"));
    cr_assert_neq(util_hash_string64(""), util_hash_string64("a"));
    cr_assert_eq(util_hash_bytes64("abc", 3), util_hash_string64("abc"));
    cr_assert_eq(util_hash_string64("quicksilver"), UINT64_C(0x1fc81c46b105611d), "0x%llx",
                 (unsigned long long)util_hash_string64("quicksilver"));
}
