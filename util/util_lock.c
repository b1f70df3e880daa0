/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contended half of the lock, and its condition variables. The count of waiters is raised
 * before the blocking take and lowered after it, so that it is never 0 while a thread sleeps.
 */
#include "util/util_lock.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "util/util_clock.h"

/* How often util_lock_give_way yields before it takes the lock back from waiters that do not run. */
#define GIVE_WAY_YIELDS 100

#if UTIL_LOCK_CHECKED

static void owner_init(struct util_lock *lock)
{
    atomic_init(&lock->owner, 0);
}

#else

static void owner_init(struct util_lock *lock)
{
    (void)lock;
}

#endif

void util_lock_init(struct util_lock *lock)
{
    /* With default attributes glibc's cannot fail. */
    (void)pthread_mutex_init(&lock->mutex, NULL);
    atomic_init(&lock->waiters, 0);
    owner_init(lock);
}

void util_lock_fini(struct util_lock *lock)
{
    int rc;

    if (lock == NULL)
        return;
    rc = pthread_mutex_destroy(&lock->mutex);
    assert(rc == 0);
    (void)rc;
}

void util_lock_take_slow(struct util_lock *lock)
{
    /* Relaxed: the count is a hint to the holder; the mutex orders all else. */
    atomic_fetch_add_explicit(&lock->waiters, 1, memory_order_relaxed);
    (void)pthread_mutex_lock(&lock->mutex);
    atomic_fetch_sub_explicit(&lock->waiters, 1, memory_order_relaxed);
    util_lock_set_owner(lock);
}

void util_lock_give_way(struct util_lock *lock)
{
    unsigned int before = util_lock_wanted(lock);

    if (before == 0)
        return;
    util_lock_drop(lock);
    /* A woken waiter lowers the count once it holds the lock. Newcomers may raise it meanwhile,
     * hence the bound. */
    for (int i = 0; i < GIVE_WAY_YIELDS && util_lock_wanted(lock) >= before; i++)
        (void)sched_yield();
    util_lock_take(lock);
}

void util_lock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

int util_lock_cond_wait(struct util_lock *lock, pthread_cond_t *cond, uint64_t deadline_ns)
{
    int rc;

    util_lock_assert_held(lock);
    util_lock_clear_owner(lock);
    if (deadline_ns == UTIL_CLOCK_NEVER) {
        rc = pthread_cond_wait(cond, &lock->mutex);
    } else {
        struct timespec until = {
            .tv_sec = (time_t)(deadline_ns / UTIL_CLOCK_NS_PER_S),
            .tv_nsec = (long)(deadline_ns % UTIL_CLOCK_NS_PER_S),
        };

        rc = pthread_cond_timedwait(cond, &lock->mutex, &until);
    }
    util_lock_set_owner(lock);
    return rc == ETIMEDOUT ? -ETIMEDOUT : 0;
}
