/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The registration table: finding among many, changing, growing while others look.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "hg/hg_rpc.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"

TestSuite(hg_rpc, .init = support_begin, .fini = support_end);

Test(hg_rpc, finds_each_of_many_and_no_other)
{
    struct hg_rpc_table table;

    cr_assert_eq(hg_rpc_table_init(&table), 0);
    for (hg_id_t id = 1; id <= 20000; id += 2)
        cr_assert_eq(hg_rpc_add(&table, id, NULL, NULL, NULL, NULL), 0);
    for (hg_id_t id = 1; id <= 20000; id++) {
        struct hg_rpc *rpc = hg_rpc_find(&table, id);

        cr_assert_eq(rpc != NULL, id % 2 == 1);
        if (rpc != NULL)
            cr_assert_eq(rpc->id, id);
    }
    hg_rpc_table_fini(&table);
}

Test(hg_rpc, ids_that_share_all_low_bits_are_told_apart)
{
    struct hg_rpc_table table;

    cr_assert_eq(hg_rpc_table_init(&table), 0);
    for (unsigned int i = 1; i < 64; i++)
        cr_assert_eq(hg_rpc_add(&table, (hg_id_t)i << 56, NULL, NULL, NULL, NULL), 0);
    for (unsigned int i = 1; i < 64; i++)
        cr_assert_eq(hg_rpc_find(&table, (hg_id_t)i << 56)->id, (hg_id_t)i << 56);
    cr_assert_null(hg_rpc_find(&table, 1));
    hg_rpc_table_fini(&table);
}

static hg_return_t proc_a(hg_proc_t proc, void *data)
{
    (void)proc;
    (void)data;
    return HG_SUCCESS;
}

Test(hg_rpc, adding_again_changes_the_entry_in_place)
{
    struct hg_rpc_table table;
    struct hg_rpc *first;

    cr_assert_eq(hg_rpc_table_init(&table), 0);
    cr_assert_eq(hg_rpc_add(&table, 5, NULL, NULL, NULL, NULL), 0);
    first = hg_rpc_find(&table, 5);
    cr_assert_eq(hg_rpc_add(&table, 5, NULL, proc_a, NULL, NULL), 0);
    cr_assert_eq(hg_rpc_find(&table, 5), first);
    cr_assert_eq(atomic_load(&first->in_proc), proc_a);
    cr_assert_eq(table.count, 1);
    hg_rpc_table_fini(&table);
}

Test(hg_rpc, loss_of_any_allocation_leaves_the_table_whole)
{
    for (uint64_t n = 1; n < 40; n++) {
        struct hg_rpc_table table;

        cr_assert_eq(hg_rpc_table_init(&table), 0);
        util_alloc_fail_at(n);
        for (hg_id_t id = 1; id < 100; id++)
            (void)hg_rpc_add(&table, id, id % 2 == 0 ? "name" : NULL, NULL, NULL, NULL);
        util_alloc_fail_at(0);
        for (hg_id_t id = 1; id < 100; id++)
            cr_assert_eq(hg_rpc_add(&table, id, id % 2 == 0 ? "name" : NULL, NULL, NULL, NULL), 0);
        for (hg_id_t id = 1; id < 100; id++)
            cr_assert_not_null(hg_rpc_find(&table, id));
        hg_rpc_table_fini(&table);
    }
}

Test(hg_rpc, two_names_of_one_id_are_told_apart)
{
    struct hg_rpc_table table;
    struct hg_rpc *rpc;

    cr_assert_eq(hg_rpc_table_init(&table), 0);
    cr_assert_not(hg_rpc_is_named(&table, 5, "one"));
    cr_assert_eq(hg_rpc_add(&table, 5, "one", proc_a, NULL, NULL), 0);
    rpc = hg_rpc_find(&table, 5);
    cr_assert_eq(hg_rpc_add(&table, 5, "two", NULL, NULL, NULL), -EEXIST);
    cr_assert_not_null(strstr(util_detail_get(), "\"one\""));
    cr_assert_not_null(strstr(util_detail_get(), "\"two\""));
    cr_assert_eq(atomic_load(&rpc->in_proc), proc_a);
    cr_assert(hg_rpc_is_named(&table, 5, "one"));
    cr_assert_not(hg_rpc_is_named(&table, 5, "two"));
    /* By the same name, and by the number alone, it may be changed. */
    cr_assert_eq(hg_rpc_add(&table, 5, "one", NULL, NULL, NULL), 0);
    cr_assert_eq(hg_rpc_add(&table, 5, NULL, proc_a, NULL, NULL), 0);
    cr_assert_eq(atomic_load(&rpc->in_proc), proc_a);
    cr_assert_not(hg_rpc_is_named(&table, 5, "two"));
    hg_rpc_table_fini(&table);
}

Test(hg_rpc, number_alone_takes_the_first_name_that_comes)
{
    struct hg_rpc_table table;

    cr_assert_eq(hg_rpc_table_init(&table), 0);
    cr_assert_eq(hg_rpc_add(&table, 5, NULL, NULL, NULL, NULL), 0);
    cr_assert(hg_rpc_is_named(&table, 5, "one"));
    cr_assert_eq(hg_rpc_add(&table, 5, "one", NULL, NULL, NULL), 0);
    cr_assert_eq(hg_rpc_add(&table, 5, "two", NULL, NULL, NULL), -EEXIST);
    hg_rpc_table_fini(&table);
}

static atomic_bool over;

static void *look_up(void *arg)
{
    struct hg_rpc_table *table = arg;

    while (!atomic_load(&over)) {
        cr_assert_not_null(hg_rpc_find(table, 7));
        cr_assert_null(hg_rpc_find(table, UINT64_MAX));
    }
    return NULL;
}

Test(hg_rpc, lookups_go_on_while_the_table_grows)
{
    struct hg_rpc_table table;
    pthread_t thread;

    cr_assert_eq(hg_rpc_table_init(&table), 0);
    cr_assert_eq(hg_rpc_add(&table, 7, NULL, NULL, NULL, NULL), 0);
    cr_assert_eq(pthread_create(&thread, NULL, look_up, &table), 0);
    for (hg_id_t id = 100; id < 30000; id++)
        cr_assert_eq(hg_rpc_add(&table, id, NULL, NULL, NULL, NULL), 0);
    atomic_store(&over, true);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    hg_rpc_table_fini(&table);
}
