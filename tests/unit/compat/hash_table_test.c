/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of the hash table of mercury_hash_table.h. Keys and values are numbers in disguise, or strings that the table
 * owns: what it forgets to free is a leak, what it frees twice a crash, under AddressSanitizer.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "mercury_hash_string.h"
#include "mercury_hash_table.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"

TestSuite(compat_hash_table, .init = support_begin, .fini = support_end);

static unsigned int hash_number(hg_hash_table_key_t key)
{
    return (unsigned int)(uintptr_t)key;
}

/* As bad as a hash can be. */
static unsigned int hash_same(hg_hash_table_key_t key)
{
    (void)key;
    return 7;
}

static int equal_number(hg_hash_table_key_t a, hg_hash_table_key_t b)
{
    return a == b;
}

static unsigned int hash_text(hg_hash_table_key_t key)
{
    return hg_hash_string(key);
}

static int equal_text(hg_hash_table_key_t a, hg_hash_table_key_t b)
{
    return strcmp(a, b) == 0;
}

static void *number(size_t n)
{
    return (void *)(uintptr_t)n;
}

static unsigned int keys_freed;
static unsigned int values_freed;

static void free_key(hg_hash_table_key_t key)
{
    keys_freed++;
    free(key);
}

static void free_value(hg_hash_table_value_t value)
{
    values_freed++;
    free(value);
}

static void insert_text(hg_hash_table_t *table, const char *key, const char *value)
{
    cr_assert_neq(hg_hash_table_insert(table, strdup(key), strdup(value)), 0);
}

static void holds_what_was_put(hg_hash_table_hash_func_t hash, size_t count)
{
    hg_hash_table_t *table = hg_hash_table_new(hash, equal_number);

    cr_assert_not_null(table);
    for (size_t i = 1; i <= count; i++)
        cr_assert_neq(hg_hash_table_insert(table, number(i), number(i * 2)), 0);
    cr_assert_eq(hg_hash_table_num_entries(table), count);
    for (size_t i = 1; i <= count; i++)
        cr_assert_eq(hg_hash_table_lookup(table, number(i)), number(i * 2));
    cr_assert_eq(hg_hash_table_lookup(table, number(count + 1)), HG_HASH_TABLE_NULL);
    for (size_t i = 1; i <= count; i += 2) {
        cr_assert_neq(hg_hash_table_remove(table, number(i)), 0);
        cr_assert_eq(hg_hash_table_remove(table, number(i)), 0, "it is gone");
    }
    cr_assert_eq(hg_hash_table_num_entries(table), count / 2);
    for (size_t i = 1; i <= count; i++)
        cr_assert_eq(hg_hash_table_lookup(table, number(i)), i % 2 == 0 ? number(i * 2) : NULL);
    hg_hash_table_free(table);
}

Test(compat_hash_table, holds_what_was_put_through_many_doublings)
{
    holds_what_was_put(hash_number, 10000);
}

Test(compat_hash_table, holds_what_was_put_when_all_hashes_are_the_same)
{
    holds_what_was_put(hash_same, 500);
}

Test(compat_hash_table, walk_meets_every_value_once_and_may_remove_it)
{
    hg_hash_table_t *table = hg_hash_table_new(hash_number, equal_number);
    bool seen[300] = {false};
    hg_hash_table_iter_t iter;
    unsigned int count = 0;

    for (size_t i = 1; i < 300; i++)
        cr_assert_neq(hg_hash_table_insert(table, number(i), number(i)), 0);
    hg_hash_table_iterate(table, &iter);
    while (hg_hash_table_iter_has_more(&iter)) {
        size_t i = (uintptr_t)hg_hash_table_iter_next(&iter);

        cr_assert(i > 0 && i < 300 && !seen[i]);
        seen[i] = true;
        count++;
        if (i % 3 == 0)
            cr_assert_neq(hg_hash_table_remove(table, number(i)), 0);
    }
    cr_assert_eq(count, 299);
    cr_assert_eq(hg_hash_table_iter_next(&iter), HG_HASH_TABLE_NULL);
    cr_assert_eq(hg_hash_table_num_entries(table), 299 - 99);
    hg_hash_table_free(table);
}

Test(compat_hash_table, walk_over_an_empty_table_ends_at_once)
{
    hg_hash_table_t *table = hg_hash_table_new(hash_number, equal_number);
    hg_hash_table_iter_t iter;

    hg_hash_table_iterate(table, &iter);
    cr_assert_eq(hg_hash_table_iter_has_more(&iter), 0);
    cr_assert_eq(hg_hash_table_iter_next(&iter), HG_HASH_TABLE_NULL);
    hg_hash_table_free(table);
}

Test(compat_hash_table, frees_what_it_owns_once)
{
    hg_hash_table_t *table = hg_hash_table_new(hash_text, equal_text);

    hg_hash_table_register_free_functions(table, free_key, free_value);
    insert_text(table, "one", "1");
    insert_text(table, "two", "2");
    insert_text(table, "one", "uno");
    cr_assert_eq(keys_freed, 1, "the replaced key");
    cr_assert_eq(values_freed, 1, "the replaced value");
    cr_assert_eq(hg_hash_table_num_entries(table), 2);
    cr_assert_str_eq(hg_hash_table_lookup(table, (void *)(uintptr_t) "one"), "uno");
    cr_assert_neq(hg_hash_table_remove(table, (void *)(uintptr_t) "two"), 0);
    cr_assert_eq(keys_freed, 2);
    cr_assert_eq(values_freed, 2);
    hg_hash_table_free(table);
    cr_assert_eq(keys_freed, 3);
    cr_assert_eq(values_freed, 3);
}

Test(compat_hash_table, putting_the_same_pointers_again_frees_nothing)
{
    hg_hash_table_t *table = hg_hash_table_new(hash_text, equal_text);
    char *key = strdup("key");
    char *value = strdup("value");

    hg_hash_table_register_free_functions(table, free_key, free_value);
    cr_assert_neq(hg_hash_table_insert(table, key, value), 0);
    cr_assert_neq(hg_hash_table_insert(table, key, value), 0);
    cr_assert_eq(keys_freed + values_freed, 0);
    cr_assert_str_eq(hg_hash_table_lookup(table, key), "value");
    hg_hash_table_free(table);
    cr_assert_eq(keys_freed + values_freed, 2);
}

Test(compat_hash_table, lack_of_memory_refuses_or_costs_speed_alone)
{
    hg_hash_table_t *table = NULL;

    for (uint64_t n = 1; n <= 2; n++) {
        util_alloc_fail_at(n);
        cr_assert_null(hg_hash_table_new(hash_number, equal_number));
    }
    util_alloc_fail_at(0);
    table = hg_hash_table_new(hash_number, equal_number);
    util_alloc_fail_at(1);
    cr_assert_eq(hg_hash_table_insert(table, number(1), number(1)), 0);
    cr_assert_eq(hg_hash_table_num_entries(table), 0);
    util_alloc_fail_at(0);
    for (size_t i = 1; i <= 16; i++)
        cr_assert_neq(hg_hash_table_insert(table, number(i), number(i)), 0);
    util_alloc_fail_at(2); /* the entry, then the larger array */
    cr_assert_neq(hg_hash_table_insert(table, number(17), number(17)), 0);
    cr_assert_eq(util_alloc_count(), 2, "it tried to grow");
    util_alloc_fail_at(0);
    for (size_t i = 1; i <= 17; i++)
        cr_assert_eq(hg_hash_table_lookup(table, number(i)), number(i));
    hg_hash_table_free(table);
}

Test(compat_hash_table, takes_no_nonsense)
{
    hg_hash_table_iter_t iter;

    cr_assert_null(hg_hash_table_new(NULL, equal_number));
    cr_assert_null(hg_hash_table_new(hash_number, NULL));
    cr_assert_eq(hg_hash_table_insert(NULL, &iter, &iter), 0);
    cr_assert_eq(hg_hash_table_lookup(NULL, &iter), HG_HASH_TABLE_NULL);
    cr_assert_eq(hg_hash_table_remove(NULL, &iter), 0);
    cr_assert_eq(hg_hash_table_num_entries(NULL), 0);
    hg_hash_table_iterate(NULL, &iter);
    cr_assert_eq(hg_hash_table_iter_has_more(&iter), 0);
    cr_assert_eq(hg_hash_table_iter_has_more(NULL), 0);
    cr_assert_eq(hg_hash_table_iter_next(NULL), HG_HASH_TABLE_NULL);
    hg_hash_table_register_free_functions(NULL, NULL, NULL);
    hg_hash_table_free(NULL);
}

/* Values of the published function (djb2), worked out by hand for the first three. */
Test(compat_hash_table, string_hash_is_the_published_one)
{
    cr_assert_eq(hg_hash_string(""), 5381);
    cr_assert_eq(hg_hash_string("a"), 5381U * 33 + 'a');
    cr_assert_eq(hg_hash_string("\xff"), 5381U * 33 + 255, "bytes are not negative");
    cr_assert_eq(hg_hash_string("hello"), 261238937U);
}
