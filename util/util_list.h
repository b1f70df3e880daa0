/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Intrusive circular doubly linked lists.
 *
 * A head and a node are the same struct. A node that is on no list points at itself, so that
 * removing it twice is harmless and util_list_empty(&node) tells whether it is linked. The list
 * owns nothing: the owner of the surrounding struct keeps it alive while it is linked.
 *
 * Everything is inline, because lists sit on the path of every call. No function here is
 * thread-safe: the struct that holds the head also holds the lock.
 */
#ifndef UTIL_LIST_H
#define UTIL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct util_list {
    struct util_list *next;
    struct util_list *prev;
};

/* The struct of type `type` whose field `member` is at `ptr`. */
#define util_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Initializer for a head with static storage: struct util_list l = UTIL_LIST_INIT(l). */
#define UTIL_LIST_INIT(head) \
    {                        \
        &(head), &(head)     \
    }

/* Loops declare `pos` themselves, as struct util_list *. In the plain loop the list must not
 * change; in the safe one the body may remove and free `pos`, and nothing else. */
#define util_list_each(pos, head) for (struct util_list *pos = (head)->next; pos != (head); pos = pos->next)

#define util_list_each_safe(pos, tmp, head) \
    for (struct util_list *pos = (head)->next, *tmp = pos->next; pos != (head); pos = tmp, tmp = pos->next)

/* Makes an empty head, or a node that is on no list. */
static inline void util_list_init(struct util_list *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool util_list_empty(const struct util_list *head)
{
    return head->next == head;
}

/* Appends at the back; the node must be on no list. */
static inline void util_list_push(struct util_list *head, struct util_list *node)
{
    node->next = head;
    node->prev = head->prev;
    head->prev->next = node;
    head->prev = node;
}

/* Inserts at the front; the node must be on no list. */
static inline void util_list_push_front(struct util_list *head, struct util_list *node)
{
    node->prev = head;
    node->next = head->next;
    head->next->prev = node;
    head->next = node;
}

/* Unlinks the node from whatever list it is on, if any, and makes it a single node again. */
static inline void util_list_remove(struct util_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    util_list_init(node);
}

/* The front node, which stays linked, or NULL. */
static inline struct util_list *util_list_first(const struct util_list *head)
{
    return head->next == head ? NULL : head->next;
}

/* The back node, which stays linked, or NULL. */
static inline struct util_list *util_list_last(const struct util_list *head)
{
    return head->next == head ? NULL : head->prev;
}

/* Unlinks and gives the front node, or NULL. */
static inline struct util_list *util_list_pop(struct util_list *head)
{
    struct util_list *node = util_list_first(head);

    if (node != NULL)
        util_list_remove(node);
    return node;
}

/* Moves all nodes of `src`, in order, to the back of `dst`; `src` ends empty. */
static inline void util_list_splice(struct util_list *dst, struct util_list *src)
{
    if (util_list_empty(src))
        return;
    src->next->prev = dst->prev;
    dst->prev->next = src->next;
    src->prev->next = dst;
    dst->prev = src->prev;
    util_list_init(src);
}

#endif /* UTIL_LIST_H */
