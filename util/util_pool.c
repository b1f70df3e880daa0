/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The chunks behind a pool. A chunk is one allocation: a 16-byte link to the next chunk, then the
 * objects. Chunks are only freed with the pool, since a free list says nothing about which chunk
 * has no object in use.
 */
#include "util/util_pool.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define POOL_ALIGNMENT ((size_t)16)

void util_pool_init(struct util_pool *pool, size_t obj_size, size_t objs_per_chunk, size_t max_objs)
{
    assert(obj_size > 0 && obj_size < SIZE_MAX - POOL_ALIGNMENT && objs_per_chunk > 0);
    memset(pool, 0, sizeof(*pool));
    pool->obj_size = (obj_size + POOL_ALIGNMENT - 1) & ~(POOL_ALIGNMENT - 1);
    pool->objs_per_chunk = objs_per_chunk;
    pool->max_objs = max_objs == 0 ? SIZE_MAX : max_objs;
}

/* Chunks differ in length only at the bound, and there only the first of the list can be short:
 * the one added last. */
static size_t chunk_objs(const struct util_pool *pool, const struct util_pool_link *chunk)
{
    size_t rest = pool->total % pool->objs_per_chunk;

    return chunk == pool->chunks && rest != 0 ? rest : pool->objs_per_chunk;
}

static char *chunk_obj(const struct util_pool *pool, struct util_pool_link *chunk, size_t i)
{
    return (char *)chunk + POOL_ALIGNMENT + i * pool->obj_size;
}

void util_pool_fini(struct util_pool *pool)
{
    if (pool == NULL)
        return;
    assert(pool->in_use == 0);
    while (pool->chunks != NULL) {
        struct util_pool_link *chunk = pool->chunks;
        size_t objs = chunk_objs(pool, chunk);

        util_alloc_unpoison(chunk, POOL_ALIGNMENT + objs * pool->obj_size);
        pool->total -= objs;
        pool->chunks = chunk->next;
        util_free(chunk);
    }
    pool->free = NULL;
}

int util_pool_grow(struct util_pool *pool)
{
    size_t objs = pool->max_objs - pool->total;
    struct util_pool_link *chunk;

    if (objs == 0)
        return -ENOSPC;
    if (objs > pool->objs_per_chunk)
        objs = pool->objs_per_chunk;
    if (objs > (SIZE_MAX - POOL_ALIGNMENT) / pool->obj_size)
        return -ENOMEM;
    chunk = util_calloc(1, POOL_ALIGNMENT + objs * pool->obj_size);
    if (chunk == NULL)
        return -ENOMEM;
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    pool->total += objs;
    /* From the back, so that objects are handed out in the order of their addresses. */
    for (size_t i = objs; i-- > 0;) {
        struct util_pool_link *link = (struct util_pool_link *)(void *)chunk_obj(pool, chunk, i);

        link->next = pool->free;
        pool->free = link;
        util_alloc_poison(link + 1, pool->obj_size - sizeof(*link));
    }
    return 0;
}

void util_pool_each(struct util_pool *pool, void (*visit)(void *obj, void *arg), void *arg)
{
    for (struct util_pool_link *chunk = pool->chunks; chunk != NULL; chunk = chunk->next) {
        size_t objs = chunk_objs(pool, chunk);

        for (size_t i = 0; i < objs; i++) {
            util_alloc_unpoison(chunk_obj(pool, chunk, i), pool->obj_size);
            visit(chunk_obj(pool, chunk, i), arg);
        }
    }
    for (struct util_pool_link *link = pool->free; link != NULL; link = link->next)
        util_alloc_poison(link + 1, pool->obj_size - sizeof(*link));
}
