/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_thread_pool.h
 * A fixed number of threads that run work in the order in which it is posted. Any thread may post, a worker included.
 */

#ifndef MERCURY_THREAD_POOL_H
#define MERCURY_THREAD_POOL_H

#include "mercury_thread.h"

#include "mercury_queue.h"
#include "mercury_thread_condition.h"

typedef struct hg_thread_pool hg_thread_pool_t;

/** A piece of work: the poster sets the first two fields. It belongs to the poster, who may free or post it again once func
 *  has begun. */
struct hg_thread_work {
    hg_thread_func_t func;               /**< what to run; what it returns is ignored */
    void *args;                          /**< handed to func */
    STAILQ_ENTRY(hg_thread_work) queued; /**< the pool's */
};

/** A pool. Its fields are the library's: they are here for hg_thread_pool_post() to be inline. */
struct hg_thread_pool {
    hg_thread_mutex_t mutex; /**< of all fields */
    hg_thread_cond_t cond;   /**< there is work, or the pool has been closed */
    STAILQ_HEAD(hg_thread_pool_queue, hg_thread_work) queue;
    unsigned int idle; /**< workers that wait for cond */
    bool closed;       /**< no more work is taken */
};

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Make a pool and start its threads.
 *
 * \param thread_count [IN] how many threads, 1 or more
 * \param pool [OUT]        the pool, to be freed with hg_thread_pool_destroy()
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL, with no thread left running
 */
HG_UTIL_PUBLIC int hg_thread_pool_init(unsigned int thread_count, hg_thread_pool_t **pool);

/**
 * Wait until all work that was posted has been done, then end the threads and free the pool. No worker may call this,
 * and nobody may use the pool any more; work that a worker posts meanwhile is refused.
 *
 * \param pool [IN] the pool; NULL is allowed
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL when a thread could not be waited for: then the pool's memory stays, as the
 *         thread may still use it
 */
HG_UTIL_PUBLIC int hg_thread_pool_destroy(hg_thread_pool_t *pool);

/**
 * Have work done by a thread of a pool.
 *
 * \param pool [IN/OUT] the pool
 * \param work [IN]     the work, which must stay until it has begun
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL for a bad argument and for a pool that is being destroyed: then the work
 *         never runs
 */
static HG_UTIL_INLINE int hg_thread_pool_post(hg_thread_pool_t *pool, struct hg_thread_work *work)
{
    bool open;

    if (pool == NULL || work == NULL || work->func == NULL)
        return HG_UTIL_FAIL;
    hg_thread_mutex_lock(&pool->mutex);
    open = !pool->closed;
    if (open) {
        STAILQ_INSERT_TAIL(&pool->queue, work, queued);
        if (pool->idle > 0)
            (void)hg_thread_cond_signal(&pool->cond);
    }
    hg_thread_mutex_unlock(&pool->mutex);
    return open ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_THREAD_POOL_H */
