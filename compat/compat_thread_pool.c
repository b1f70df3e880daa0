/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The thread pool of mercury_thread_pool.h: making, working, unmaking; posting is inline there.
 *
 * The pool that programs see is the head of a struct that knows its threads, too. One mutex, pool.mutex, covers all
 * that changes; a worker runs its work without it. The threads are written by the maker alone, and read by whoever
 * destroys the pool.
 */
#include "mercury_thread_pool.h"

#include "util/util_alloc.h"

struct compat_thread_pool {
    struct hg_thread_pool pool; /* first: what programs have a pointer to */
    unsigned int thread_count;  /* threads that run */
    hg_thread_t threads[];
};

/* The next work, or NULL when there is none and never will be. */
static struct hg_thread_work *compat_thread_pool_take(struct hg_thread_pool *pool)
{
    struct hg_thread_work *work;

    hg_thread_mutex_lock(&pool->mutex);
    while (STAILQ_EMPTY(&pool->queue) && !pool->closed) {
        pool->idle++;
        (void)hg_thread_cond_wait(&pool->cond, &pool->mutex);
        pool->idle--;
    }
    work = STAILQ_FIRST(&pool->queue);
    if (work != NULL)
        STAILQ_REMOVE_HEAD(&pool->queue, queued);
    hg_thread_mutex_unlock(&pool->mutex);
    return work;
}

static void *compat_thread_pool_run(void *arg)
{
    struct hg_thread_pool *pool = arg;
    struct hg_thread_work *work;

    while ((work = compat_thread_pool_take(pool)) != NULL)
        (void)work->func(work->args);
    return NULL;
}

static int compat_thread_pool_open(struct hg_thread_pool *pool)
{
    STAILQ_INIT(&pool->queue);
    if (hg_thread_mutex_init(&pool->mutex) != HG_UTIL_SUCCESS)
        return HG_UTIL_FAIL;
    if (hg_thread_cond_init(&pool->cond) != HG_UTIL_SUCCESS) {
        (void)hg_thread_mutex_destroy(&pool->mutex);
        return HG_UTIL_FAIL;
    }
    return HG_UTIL_SUCCESS;
}

int hg_thread_pool_init(unsigned int thread_count, hg_thread_pool_t **pool)
{
    struct compat_thread_pool *made;

    if (thread_count == 0 || pool == NULL)
        return HG_UTIL_FAIL;
    made = util_calloc(1, sizeof(*made) + thread_count * sizeof(made->threads[0]));
    if (made == NULL)
        return HG_UTIL_FAIL;
    if (compat_thread_pool_open(&made->pool) != HG_UTIL_SUCCESS) {
        util_free(made);
        return HG_UTIL_FAIL;
    }
    for (; made->thread_count < thread_count; made->thread_count++) {
        if (hg_thread_create(&made->threads[made->thread_count], compat_thread_pool_run, &made->pool) !=
            HG_UTIL_SUCCESS) {
            (void)hg_thread_pool_destroy(&made->pool);
            return HG_UTIL_FAIL;
        }
    }
    *pool = &made->pool;
    return HG_UTIL_SUCCESS;
}

int hg_thread_pool_destroy(hg_thread_pool_t *pool)
{
    struct compat_thread_pool *made = (struct compat_thread_pool *)pool;
    int ret = HG_UTIL_SUCCESS;

    if (pool == NULL)
        return HG_UTIL_SUCCESS;
    hg_thread_mutex_lock(&pool->mutex);
    pool->closed = true;
    (void)hg_thread_cond_broadcast(&pool->cond);
    hg_thread_mutex_unlock(&pool->mutex);
    for (unsigned int i = 0; i < made->thread_count; i++) {
        if (hg_thread_join(made->threads[i]) != HG_UTIL_SUCCESS)
            ret = HG_UTIL_FAIL;
    }
    if (ret != HG_UTIL_SUCCESS)
        return ret; /* a worker may still use the pool: better a leak */
    (void)hg_thread_cond_destroy(&pool->cond);
    (void)hg_thread_mutex_destroy(&pool->mutex);
    util_free(made);
    return ret;
}
