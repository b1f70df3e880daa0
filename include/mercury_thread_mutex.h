/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_thread_mutex.h
 * A mutex: that of POSIX threads. Not recursive, and not shared between processes.
 */

#ifndef MERCURY_THREAD_MUTEX_H
#define MERCURY_THREAD_MUTEX_H

#include "mercury_util_config.h"

#include <pthread.h>

typedef pthread_mutex_t hg_thread_mutex_t;

/** For a mutex with static storage, in place of hg_thread_mutex_init(). */
#define HG_THREAD_MUTEX_INITIALIZER PTHREAD_MUTEX_INITIALIZER

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Make a mutex, unlocked.
 *
 * \param mutex [OUT] the mutex
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_mutex_init(hg_thread_mutex_t *mutex);

/**
 * Make a mutex that spins for a moment before it sleeps, where the C library has one; for short critical sections.
 *
 * \param mutex [OUT] the mutex
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_mutex_init_fast(hg_thread_mutex_t *mutex);

/**
 * Unmake a mutex that nobody holds.
 *
 * \param mutex [IN/OUT] the mutex
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_mutex_destroy(hg_thread_mutex_t *mutex);

/**
 * Lock a mutex, sleeping until it is free.
 *
 * \param mutex [IN/OUT] the mutex
 */
static HG_UTIL_INLINE void hg_thread_mutex_lock(hg_thread_mutex_t *mutex)
{
    (void)pthread_mutex_lock(mutex);
}

/**
 * Lock a mutex if it is free.
 *
 * \param mutex [IN/OUT] the mutex
 *
 * \return HG_UTIL_SUCCESS if it is locked now, HG_UTIL_FAIL if somebody holds it
 */
static HG_UTIL_INLINE int hg_thread_mutex_try_lock(hg_thread_mutex_t *mutex)
{
    return pthread_mutex_trylock(mutex) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

/**
 * Unlock a mutex that the calling thread holds.
 *
 * \param mutex [IN/OUT] the mutex
 */
static HG_UTIL_INLINE void hg_thread_mutex_unlock(hg_thread_mutex_t *mutex)
{
    (void)pthread_mutex_unlock(mutex);
}

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_THREAD_MUTEX_H */
