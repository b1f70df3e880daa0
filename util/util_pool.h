/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A pool of objects of one size: a free list over chunks that are kept until the end.
 *
 * get and put are a few instructions, inline; only a get that finds the list empty allocates, a
 * chunk at a time, up to the bound. Objects are aligned to 16 bytes. An object's memory is all
 * zeros the first time; put overwrites its first 8 bytes and leaves the rest, so that a generation
 * counter placed further back survives from one life of the object to the next.
 *
 * Not thread-safe: the struct that holds the pool holds the lock. Under AddressSanitizer an object
 * in the pool is poisoned but for its link.
 */
#ifndef UTIL_POOL_H
#define UTIL_POOL_H

#include <assert.h>
#include <stddef.h>

#include "util/util_alloc.h"

/* What a free object begins with. */
struct util_pool_link {
    struct util_pool_link *next;
};

struct util_pool {
    struct util_pool_link *free; /* free objects, the last put first */
    size_t in_use;               /* objects handed out */
    size_t total;                /* objects in all chunks */
    size_t max_objs;
    size_t obj_size; /* rounded up to the alignment */
    size_t objs_per_chunk;
    struct util_pool_link *chunks; /* owned; linked through their first bytes */
};

/* Makes an empty pool; allocates nothing. max_objs 0 means no bound but memory. */
void util_pool_init(struct util_pool *pool, size_t obj_size, size_t objs_per_chunk, size_t max_objs);

/* Frees all chunks. Every object must be back: asserted. Takes NULL and a zeroed pool. */
void util_pool_fini(struct util_pool *pool);

/* Adds a chunk to the free list: 0, -ENOMEM, or -ENOSPC at the bound. Call it ahead of time to
 * keep the first calls free of allocations. */
int util_pool_grow(struct util_pool *pool);

/* Calls `visit` with every object of the pool, in use or not, for instance to release what
 * objects keep between two lives. Not for the hot path. */
void util_pool_each(struct util_pool *pool, void (*visit)(void *obj, void *arg), void *arg);

/* An object, or NULL when out of memory or at the bound. */
static inline void *util_pool_get(struct util_pool *pool)
{
    struct util_pool_link *link = pool->free;

    if (__builtin_expect(link == NULL, 0)) {
        if (util_pool_grow(pool) != 0)
            return NULL;
        link = pool->free;
    }
    pool->free = link->next;
    pool->in_use++;
    util_alloc_unpoison(link, pool->obj_size);
    return link;
}

/* Gives back an object that came from this pool; takes NULL. */
static inline void util_pool_put(struct util_pool *pool, void *obj)
{
    struct util_pool_link *link = (struct util_pool_link *)obj;

    if (link == NULL)
        return;
    assert(pool->in_use > 0);
    link->next = pool->free;
    pool->free = link;
    pool->in_use--;
    util_alloc_poison(link + 1, pool->obj_size - sizeof(*link));
}

static inline size_t util_pool_in_use(const struct util_pool *pool)
{
    return pool->in_use;
}

#endif /* UTIL_POOL_H */
