/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Tags are places in a table of the origin, given anew as soon as they are free. A peer that chooses them otherwise does not know how
 * they are spread here: all others would wait while its cancels are looked up in a long list.
 */

#include "hg/hg_serving.h"

#include <assert.h>

#include "hg/hg_handle.h"
#include "util/util_alloc.h"
#include "util/util_rand.h"

/* Handles per list, on average, beyond which there are more lists. */
#define SERVING_LOAD        4U
#define SERVING_BUCKETS_MAX 65536U

void hg_serving_init(struct hg_serving *serving)
{
    *serving = (struct hg_serving){0};
    util_list_init(&serving->first);
    serving->salt = util_rand_u64() | 1;
}

void hg_serving_fini(struct hg_serving *serving)
{
    assert(serving->count == 0);
    util_free(serving->buckets);
    serving->buckets = NULL;
}

static struct util_list *serving_bucket(const struct hg_serving *serving, uint64_t tag)
{
    /* Lists of a const set are not const: their nodes are not part of it. */
    if (serving->buckets == NULL)
        return (struct util_list *)(uintptr_t)&serving->first;
    /* The upper bits of the product: all bits of the tag are in each of them. */
    return &serving->buckets[(tag * serving->salt >> 32) * ((uint64_t)serving->mask + 1) >> 32];
}

static void serving_move(struct hg_serving *serving, struct util_list *from)
{
    struct util_list *node;

    while ((node = util_list_pop(from)) != NULL)
        util_list_push(serving_bucket(serving, util_container_of(node, struct hg_handle, link)->tag), node);
}

/* More lists; without memory for them the ones there are just get longer. */
static void serving_grow(struct hg_serving *serving)
{
    uint32_t count = serving->mask + 1;
    uint32_t more = count * 4;
    struct util_list *old = serving->buckets;
    struct util_list *buckets;

    if (more > SERVING_BUCKETS_MAX)
        return;
    buckets = util_malloc(more * sizeof(*buckets));
    if (buckets == NULL)
        return;
    for (uint32_t i = 0; i < more; i++)
        util_list_init(&buckets[i]);
    serving->buckets = buckets;
    serving->mask = more - 1;
    if (old == NULL)
        serving_move(serving, &serving->first);
    for (uint32_t i = 0; old != NULL && i < count; i++)
        serving_move(serving, &old[i]);
    util_free(old);
}

void hg_serving_add(struct hg_serving *serving, struct hg_handle *handle)
{
    if (serving->count >= SERVING_LOAD * (serving->mask + 1))
        serving_grow(serving);
    util_list_push(serving_bucket(serving, handle->tag), &handle->link);
    serving->count++;
}

void hg_serving_remove(struct hg_serving *serving, struct hg_handle *handle)
{
    util_list_remove(&handle->link);
    serving->count--;
}

uint32_t hg_serving_buckets(struct hg_serving *serving, struct util_list **buckets)
{
    *buckets = serving->buckets == NULL ? &serving->first : serving->buckets;
    return serving->mask + 1;
}

struct hg_handle *hg_serving_find(const struct hg_serving *serving, uint64_t tag, uint8_t origin_context)
{
    util_list_each (node, serving_bucket(serving, tag)) {
        struct hg_handle *handle = util_container_of(node, struct hg_handle, link);

        if (handle->tag == tag && handle->info.context_id == origin_context)
            return handle;
    }
    return NULL;
}
