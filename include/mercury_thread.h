/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_thread.h
 * Threads, data of their own, and the cores they run on: thin clothes over POSIX threads. Any thread may call them. As with
 * Mercury's header, a program that includes this one before all others has _GNU_SOURCE defined by it.
 */

#ifndef MERCURY_THREAD_H
#define MERCURY_THREAD_H

/* For cpu_set_t and what works on it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "mercury_util_config.h"

#include <pthread.h>
#include <sched.h>

typedef pthread_t hg_thread_t;
typedef void *(*hg_thread_func_t)(void *);
typedef void *hg_thread_ret_t;
typedef pthread_key_t hg_thread_key_t;
typedef cpu_set_t hg_cpu_set_t;

/** How the definition of a thread's function begins: HG_THREAD_RETURN_TYPE f(void *arg). */
#define HG_THREAD_RETURN_TYPE hg_thread_ret_t

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Give a thread variable a value that stands for no thread.
 *
 * \param thread [OUT] the variable
 */
HG_UTIL_PUBLIC void hg_thread_init(hg_thread_t *thread);

/**
 * Start a thread. It must be joined.
 *
 * \param thread [OUT] the thread
 * \param f [IN]       what it runs
 * \param data [IN]    handed to f
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL if the system refuses
 */
HG_UTIL_PUBLIC int hg_thread_create(hg_thread_t *thread, hg_thread_func_t f, void *data);

/**
 * End the calling thread.
 *
 * \param ret [IN] its result, which nobody sees: hg_thread_join() does not show it
 */
HG_UTIL_PUBLIC void hg_thread_exit(hg_thread_ret_t ret);

/**
 * Wait until a thread has ended, and free what it took.
 *
 * \param thread [IN] the thread
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_join(hg_thread_t thread);

/**
 * Ask a thread to end at its next cancellation point. It must still be joined.
 *
 * \param thread [IN] the thread
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_cancel(hg_thread_t thread);

/**
 * Let other threads run.
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_yield(void);

/**
 * Make a key: each thread has a pointer of its own under it, NULL at first.
 *
 * \param key [OUT] the key
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL if there are too many
 */
HG_UTIL_PUBLIC int hg_thread_key_create(hg_thread_key_t *key);

/**
 * Unmake a key. What the pointers point to is the caller's affair.
 *
 * \param key [IN] the key
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_key_delete(hg_thread_key_t key);

/**
 * Say on which cores a thread may run.
 *
 * \param thread [IN]    the thread
 * \param cpu_mask [OUT] the cores
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_getaffinity(hg_thread_t thread, hg_cpu_set_t *cpu_mask);

/**
 * Choose on which cores a thread may run.
 *
 * \param thread [IN]   the thread
 * \param cpu_mask [IN] the cores
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL if no core of the mask is there
 */
HG_UTIL_PUBLIC int hg_thread_setaffinity(hg_thread_t thread, const hg_cpu_set_t *cpu_mask);

/** \return the calling thread */
static HG_UTIL_INLINE hg_thread_t hg_thread_self(void)
{
    return pthread_self();
}

/**
 * Compare two threads.
 *
 * \return not 0 if they are the same
 */
static HG_UTIL_INLINE int hg_thread_equal(hg_thread_t t1, hg_thread_t t2)
{
    return pthread_equal(t1, t2);
}

/**
 * Get the calling thread's pointer.
 *
 * \param key [IN] the key
 *
 * \return the pointer, NULL if none was set
 */
static HG_UTIL_INLINE void *hg_thread_getspecific(hg_thread_key_t key)
{
    return pthread_getspecific(key);
}

/**
 * Set the calling thread's pointer.
 *
 * \param key [IN]   the key
 * \param value [IN] the pointer; what it points to stays the caller's
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
static HG_UTIL_INLINE int hg_thread_setspecific(hg_thread_key_t key, const void *value)
{
    return pthread_setspecific(key, value) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_THREAD_H */
