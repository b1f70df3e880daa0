/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_thread_condition.h
 * A condition variable. Its time limits are counted on the monotonic clock, so that setting the time of day neither
 * ends nor prolongs a wait. As with POSIX threads a wait may end without a signal: wait in a loop that looks at what is
 * waited for.
 */

#ifndef MERCURY_THREAD_CONDITION_H
#define MERCURY_THREAD_CONDITION_H

#include "mercury_thread_mutex.h"

#include <time.h>

typedef pthread_cond_t hg_thread_cond_t;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Make a condition variable. There is no initializer: the clock would be the wrong one.
 *
 * \param cond [OUT] the condition variable
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_cond_init(hg_thread_cond_t *cond);

/**
 * Unmake a condition variable that nobody waits for.
 *
 * \param cond [IN/OUT] the condition variable
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
HG_UTIL_PUBLIC int hg_thread_cond_destroy(hg_thread_cond_t *cond);

/**
 * Wake one of those who wait.
 *
 * \param cond [IN/OUT] the condition variable
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
static HG_UTIL_INLINE int hg_thread_cond_signal(hg_thread_cond_t *cond)
{
    return pthread_cond_signal(cond) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

/**
 * Wake all who wait.
 *
 * \param cond [IN/OUT] the condition variable
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
static HG_UTIL_INLINE int hg_thread_cond_broadcast(hg_thread_cond_t *cond)
{
    return pthread_cond_broadcast(cond) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

/**
 * Wait, without a limit. The mutex is unlocked meanwhile, and locked again on return.
 *
 * \param cond [IN/OUT]  the condition variable
 * \param mutex [IN/OUT] a mutex that the calling thread holds
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
static HG_UTIL_INLINE int hg_thread_cond_wait(hg_thread_cond_t *cond, hg_thread_mutex_t *mutex)
{
    return pthread_cond_wait(cond, mutex) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

/**
 * Wait for some time. The mutex is unlocked meanwhile, and locked again on return.
 *
 * \param cond [IN/OUT]  the condition variable
 * \param mutex [IN/OUT] a mutex that the calling thread holds
 * \param timeout [IN]   milliseconds
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL when the time is up
 */
static HG_UTIL_INLINE int hg_thread_cond_timedwait(hg_thread_cond_t *cond, hg_thread_mutex_t *mutex,
                                                   unsigned int timeout)
{
    struct timespec until;

    if (clock_gettime(CLOCK_MONOTONIC, &until) != 0)
        return HG_UTIL_FAIL;
    until.tv_sec += (time_t)(timeout / 1000);
    until.tv_nsec += (long)(timeout % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    return pthread_cond_timedwait(cond, mutex, &until) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_THREAD_CONDITION_H */
