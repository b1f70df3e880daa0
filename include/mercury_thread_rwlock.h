/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_thread_rwlock.h
 * A lock that many readers may hold together, or one writer alone: that of POSIX threads.
 */

#ifndef MERCURY_THREAD_RWLOCK_H
#define MERCURY_THREAD_RWLOCK_H

#include "mercury_util_config.h"

#include <pthread.h>

typedef pthread_rwlock_t hg_thread_rwlock_t;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Make a lock, free.
 *
 * \param rwlock [OUT] the lock
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_rwlock_init(hg_thread_rwlock_t *rwlock);

/**
 * Unmake a lock that nobody holds.
 *
 * \param rwlock [IN/OUT] the lock
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_rwlock_destroy(hg_thread_rwlock_t *rwlock);

/**
 * Lock for reading, sleeping until no writer holds the lock.
 *
 * \param rwlock [IN/OUT] the lock
 */
static HG_UTIL_INLINE void hg_thread_rwlock_rdlock(hg_thread_rwlock_t *rwlock)
{
    (void)pthread_rwlock_rdlock(rwlock);
}

/**
 * Lock for reading if no writer holds the lock.
 *
 * \param rwlock [IN/OUT] the lock
 *
 * \return HG_UTIL_SUCCESS if it is locked now, HG_UTIL_FAIL if not
 */
static HG_UTIL_INLINE int hg_thread_rwlock_try_rdlock(hg_thread_rwlock_t *rwlock)
{
    return pthread_rwlock_tryrdlock(rwlock) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

/**
 * Unlock what the calling thread has locked for reading.
 *
 * \param rwlock [IN/OUT] the lock
 */
static HG_UTIL_INLINE void hg_thread_rwlock_release_rdlock(hg_thread_rwlock_t *rwlock)
{
    (void)pthread_rwlock_unlock(rwlock);
}

/**
 * Lock for writing, sleeping until nobody holds the lock.
 *
 * \param rwlock [IN/OUT] the lock
 */
static HG_UTIL_INLINE void hg_thread_rwlock_wrlock(hg_thread_rwlock_t *rwlock)
{
    (void)pthread_rwlock_wrlock(rwlock);
}

/**
 * Lock for writing if nobody holds the lock.
 *
 * \param rwlock [IN/OUT] the lock
 *
 * \return HG_UTIL_SUCCESS if it is locked now, HG_UTIL_FAIL if not
 */
static HG_UTIL_INLINE int hg_thread_rwlock_try_wrlock(hg_thread_rwlock_t *rwlock)
{
    return pthread_rwlock_trywrlock(rwlock) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

/**
 * Unlock what the calling thread has locked for writing.
 *
 * \param rwlock [IN/OUT] the lock
 */
static HG_UTIL_INLINE void hg_thread_rwlock_release_wrlock(hg_thread_rwlock_t *rwlock)
{
    (void)pthread_rwlock_unlock(rwlock);
}

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_THREAD_RWLOCK_H */
