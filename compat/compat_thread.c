/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The half of the headers mercury_thread*.h that is not inline: making and unmaking threads, keys and locks. Each
 * function is one of POSIX threads, with its error number made HG_UTIL_FAIL; NULL is refused, since the originals
 * would crash on it. All may be called by any thread.
 */
#include "mercury_thread.h"
#include "mercury_thread_condition.h"
#include "mercury_thread_mutex.h"
#include "mercury_thread_rwlock.h"
#include "mercury_thread_spin.h"

#include <string.h>

/* errno values of POSIX threads into what the interface knows. */
static int compat_thread_result(int rc)
{
    return rc == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

void hg_thread_init(hg_thread_t *thread)
{
    if (thread != NULL)
        memset(thread, 0, sizeof(*thread));
}

int hg_thread_create(hg_thread_t *thread, hg_thread_func_t f, void *data)
{
    if (thread == NULL || f == NULL)
        return HG_UTIL_FAIL;
    return compat_thread_result(pthread_create(thread, NULL, f, data));
}

void hg_thread_exit(hg_thread_ret_t ret)
{
    pthread_exit(ret);
}

int hg_thread_join(hg_thread_t thread)
{
    return compat_thread_result(pthread_join(thread, NULL));
}

int hg_thread_cancel(hg_thread_t thread)
{
    return compat_thread_result(pthread_cancel(thread));
}

int hg_thread_yield(void)
{
    return compat_thread_result(sched_yield());
}

int hg_thread_key_create(hg_thread_key_t *key)
{
    return key == NULL ? HG_UTIL_FAIL : compat_thread_result(pthread_key_create(key, NULL));
}

int hg_thread_key_delete(hg_thread_key_t key)
{
    return compat_thread_result(pthread_key_delete(key));
}

int hg_thread_getaffinity(hg_thread_t thread, hg_cpu_set_t *cpu_mask)
{
    if (cpu_mask == NULL)
        return HG_UTIL_FAIL;
    return compat_thread_result(pthread_getaffinity_np(thread, sizeof(*cpu_mask), cpu_mask));
}

int hg_thread_setaffinity(hg_thread_t thread, const hg_cpu_set_t *cpu_mask)
{
    if (cpu_mask == NULL)
        return HG_UTIL_FAIL;
    return compat_thread_result(pthread_setaffinity_np(thread, sizeof(*cpu_mask), cpu_mask));
}

static int compat_thread_mutex_init(hg_thread_mutex_t *mutex, int type)
{
    pthread_mutexattr_t attr;
    int rc;

    if (mutex == NULL || pthread_mutexattr_init(&attr) != 0)
        return HG_UTIL_FAIL;
    rc = pthread_mutexattr_settype(&attr, type);
    if (rc == 0)
        rc = pthread_mutex_init(mutex, &attr);
    (void)pthread_mutexattr_destroy(&attr);
    return compat_thread_result(rc);
}

int hg_thread_mutex_init(hg_thread_mutex_t *mutex)
{
    return compat_thread_mutex_init(mutex, PTHREAD_MUTEX_NORMAL);
}

/* PTHREAD_MUTEX_ADAPTIVE_NP is an enumerator where it exists, so the C library decides. */
#ifdef __GLIBC__
#define COMPAT_THREAD_MUTEX_FAST PTHREAD_MUTEX_ADAPTIVE_NP
#else
#define COMPAT_THREAD_MUTEX_FAST PTHREAD_MUTEX_NORMAL
#endif

int hg_thread_mutex_init_fast(hg_thread_mutex_t *mutex)
{
    return compat_thread_mutex_init(mutex, COMPAT_THREAD_MUTEX_FAST);
}

int hg_thread_mutex_destroy(hg_thread_mutex_t *mutex)
{
    return mutex == NULL ? HG_UTIL_FAIL : compat_thread_result(pthread_mutex_destroy(mutex));
}

int hg_thread_cond_init(hg_thread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc;

    if (cond == NULL || pthread_condattr_init(&attr) != 0)
        return HG_UTIL_FAIL;
    rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* the clock of hg_thread_cond_timedwait */
    if (rc == 0)
        rc = pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
    return compat_thread_result(rc);
}

int hg_thread_cond_destroy(hg_thread_cond_t *cond)
{
    return cond == NULL ? HG_UTIL_FAIL : compat_thread_result(pthread_cond_destroy(cond));
}

int hg_thread_rwlock_init(hg_thread_rwlock_t *rwlock)
{
    return rwlock == NULL ? HG_UTIL_FAIL : compat_thread_result(pthread_rwlock_init(rwlock, NULL));
}

int hg_thread_rwlock_destroy(hg_thread_rwlock_t *rwlock)
{
    return rwlock == NULL ? HG_UTIL_FAIL : compat_thread_result(pthread_rwlock_destroy(rwlock));
}

int hg_thread_spin_init(hg_thread_spin_t *lock)
{
    return lock == NULL ? HG_UTIL_FAIL : compat_thread_result(pthread_spin_init(lock, PTHREAD_PROCESS_PRIVATE));
}

int hg_thread_spin_destroy(hg_thread_spin_t *lock)
{
    return lock == NULL ? HG_UTIL_FAIL : compat_thread_result(pthread_spin_destroy(lock));
}
