/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_thread_spin.h
 * A spin lock: whoever waits for it keeps its core busy. That of POSIX threads.
 */

#ifndef MERCURY_THREAD_SPIN_H
#define MERCURY_THREAD_SPIN_H

#include "mercury_util_config.h"

#include <pthread.h>

typedef pthread_spinlock_t hg_thread_spin_t;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Make a lock, free.
 *
 * \param lock [OUT] the lock
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_spin_init(hg_thread_spin_t *lock);

/**
 * Unmake a lock that nobody holds.
 *
 * \param lock [IN/OUT] the lock
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_spin_destroy(hg_thread_spin_t *lock);

/**
 * Lock, spinning until the lock is free.
 *
 * \param lock [IN/OUT] the lock
 */
static HG_UTIL_INLINE void hg_thread_spin_lock(hg_thread_spin_t *lock)
{
    (void)pthread_spin_lock(lock);
}

/**
 * Lock if the lock is free.
 *
 * \param lock [IN/OUT] the lock
 *
 * \return HG_UTIL_SUCCESS if it is locked now, HG_UTIL_FAIL if somebody holds it
 */
static HG_UTIL_INLINE int hg_thread_spin_try_lock(hg_thread_spin_t *lock)
{
    return pthread_spin_trylock(lock) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

/**
 * Unlock what the calling thread has locked.
 *
 * \param lock [IN/OUT] the lock
 */
static HG_UTIL_INLINE void hg_thread_spin_unlock(hg_thread_spin_t *lock)
{
    (void)pthread_spin_unlock(lock);
}

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_THREAD_SPIN_H */
