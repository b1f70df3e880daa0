/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A mutex that counts the threads waiting for it.
 *
 * The fast path is one trylock: the count of waiters is touched only when that fails. A thread
 * that holds the lock for long, such as one that polls, asks util_lock_wanted and lets the others
 * through with util_lock_give_way; a plain drop and take would win the lock back before a sleeping
 * waiter wakes.
 *
 * In debug builds (NDEBUG not defined) the lock knows its owner, so that functions named _locked
 * can call util_lock_assert_held, and taking it twice asserts. In release builds that costs
 * nothing. All functions may be called by any thread.
 */
#ifndef UTIL_LOCK_H
#define UTIL_LOCK_H

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef NDEBUG
#define UTIL_LOCK_CHECKED 0
#else
#define UTIL_LOCK_CHECKED 1
#endif

struct util_lock {
    pthread_mutex_t mutex;
    atomic_uint waiters; /* threads inside util_lock_take_slow */
#if UTIL_LOCK_CHECKED
    atomic_uintptr_t owner; /* pthread_self of the holder, 0 when free */
#endif
};

/* Make and unmake the lock; fini of a held lock asserts. init cannot fail. */
void util_lock_init(struct util_lock *lock);
void util_lock_fini(struct util_lock *lock);

/* The contended half of util_lock_take. */
void util_lock_take_slow(struct util_lock *lock);

/* Lets threads that wait for this held lock run first, then takes it again. Returns at once when
 * nobody waits, and after a bounded number of yields when a waiter does not get to run. Whatever
 * the lock protects may have changed on return. */
void util_lock_give_way(struct util_lock *lock);

/* Makes a condition variable that counts time on CLOCK_MONOTONIC. */
void util_lock_cond_init(pthread_cond_t *cond);

/* Waits on `cond`, dropping the held lock meanwhile, until signalled or until deadline_ns, a time
 * of CLOCK_MONOTONIC (UINT64_MAX: no limit). Gives 0, also on a spurious wake-up, or -ETIMEDOUT;
 * the lock is held again in both cases. */
int util_lock_cond_wait(struct util_lock *lock, pthread_cond_t *cond, uint64_t deadline_ns);

#if UTIL_LOCK_CHECKED

static inline void util_lock_set_owner(struct util_lock *lock)
{
    /* Relaxed: only the owner itself compares the value with its own identity. */
    atomic_store_explicit(&lock->owner, (uintptr_t)pthread_self(), memory_order_relaxed);
}

static inline void util_lock_clear_owner(struct util_lock *lock)
{
    atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
}

static inline bool util_lock_is_mine(struct util_lock *lock)
{
    return atomic_load_explicit(&lock->owner, memory_order_relaxed) == (uintptr_t)pthread_self();
}

static inline void util_lock_assert_held(struct util_lock *lock)
{
    assert(util_lock_is_mine(lock));
}

static inline void util_lock_assert_not_held(struct util_lock *lock)
{
    assert(!util_lock_is_mine(lock));
}

#else

static inline void util_lock_set_owner(struct util_lock *lock)
{
    (void)lock;
}

static inline void util_lock_clear_owner(struct util_lock *lock)
{
    (void)lock;
}

static inline void util_lock_assert_held(struct util_lock *lock)
{
    (void)lock;
}

static inline void util_lock_assert_not_held(struct util_lock *lock)
{
    (void)lock;
}

#endif

/* Takes the lock if it is free; true when taken. */
static inline bool util_lock_try(struct util_lock *lock)
{
    util_lock_assert_not_held(lock);
    if (pthread_mutex_trylock(&lock->mutex) != 0)
        return false;
    util_lock_set_owner(lock);
    return true;
}

/* Takes the lock, waiting for it if need be. Not recursive. */
static inline void util_lock_take(struct util_lock *lock)
{
    if (!util_lock_try(lock))
        util_lock_take_slow(lock);
}

static inline void util_lock_drop(struct util_lock *lock)
{
    util_lock_assert_held(lock);
    util_lock_clear_owner(lock);
    (void)pthread_mutex_unlock(&lock->mutex);
}

/* Number of threads waiting for the lock: a hint, possibly stale, hence relaxed. */
static inline unsigned int util_lock_wanted(struct util_lock *lock)
{
    return atomic_load_explicit(&lock->waiters, memory_order_relaxed);
}

#endif /* UTIL_LOCK_H */
