/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_list: order, unlinking that may be repeated, loops that survive removal.
 */
#include <criterion/criterion.h>

#include "tests/support/support_guard.h"
#include "util/util_list.h"

TestSuite(util_list, .init = support_begin, .fini = support_end);

struct item {
    int value;
    struct util_list link;
};

static int value_of(struct util_list *link)
{
    return util_container_of(link, struct item, link)->value;
}

static void fill(struct util_list *head, struct item *items, int count)
{
    util_list_init(head);
    for (int i = 0; i < count; i++) {
        items[i].value = i;
        util_list_push(head, &items[i].link);
    }
}

Test(util_list, push_and_pop_keep_the_order)
{
    struct util_list head;
    struct item items[3];

    fill(&head, items, 3);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(value_of(util_list_pop(&head)), i);
    cr_assert_null(util_list_pop(&head));
    cr_assert(util_list_empty(&head));
}

Test(util_list, push_front_comes_out_first)
{
    struct util_list head;
    struct item items[2];
    struct item front = {.value = 7};

    fill(&head, items, 2);
    util_list_push_front(&head, &front.link);
    cr_assert_eq(value_of(util_list_first(&head)), 7);
}

Test(util_list, remove_twice_is_harmless)
{
    struct util_list head;
    struct item items[3];

    fill(&head, items, 3);
    util_list_remove(&items[1].link);
    util_list_remove(&items[1].link);
    cr_assert(util_list_empty(&items[1].link));
    cr_assert_eq(value_of(util_list_pop(&head)), 0);
    cr_assert_eq(value_of(util_list_pop(&head)), 2);
    cr_assert_null(util_list_first(&head));
}

Test(util_list, splice_appends_in_order_and_empties_the_source)
{
    struct util_list a;
    struct util_list b;
    struct item items_a[2];
    struct item items_b[2];
    int expected[] = {0, 1, 0, 1};
    int i = 0;

    fill(&a, items_a, 2);
    fill(&b, items_b, 2);
    util_list_splice(&a, &b);
    cr_assert(util_list_empty(&b));
    util_list_splice(&a, &b);
    util_list_each (pos, &a) {
        cr_assert_eq(value_of(pos), expected[i]);
        i++;
    }
    cr_assert_eq(i, 4);
}

Test(util_list, safe_loop_may_remove_every_node)
{
    struct util_list head;
    struct item items[5];
    int seen = 0;

    fill(&head, items, 5);
    util_list_each_safe (pos, tmp, &head) {
        util_list_remove(pos);
        seen++;
    }
    cr_assert_eq(seen, 5);
    cr_assert(util_list_empty(&head));
}
