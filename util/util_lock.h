/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A mutex that counts the threads waiting for it, and a condition variable that goes with it.
 *
 * A call takes and drops the lock of a context some seven times, nearly always without meeting
 * anybody. So both are inline, one atomic operation each, which the C library's mutex is not; who
 * finds the lock held sleeps on its word in the kernel (a futex).
 *
 * A thread that holds the lock for long, such as one that polls, asks util_lock_wanted and lets the
 * others through with util_lock_give_way; a plain drop and take would win the lock back before a
 * sleeping waiter wakes.
 *
 * In debug builds (NDEBUG not defined) the lock knows its owner, so that functions named _locked
 * can call util_lock_assert_held, and taking it twice asserts. In release builds that costs
 * nothing. All functions may be called by any thread.
 */
#ifndef UTIL_LOCK_H
#define UTIL_LOCK_H

#include <assert.h>
#include <pthread.h> /* pthread_self */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef NDEBUG
#define UTIL_LOCK_CHECKED 0
#else
#define UTIL_LOCK_CHECKED 1
#endif

/* ThreadSanitizer is told which atomic operations are a lock, so that it finds locks taken in
 * different orders. */
#if defined(__SANITIZE_THREAD__)
#define UTIL_LOCK_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UTIL_LOCK_TSAN 1
#endif
#endif
#ifndef UTIL_LOCK_TSAN
#define UTIL_LOCK_TSAN 0
#endif
#if UTIL_LOCK_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* What the word of a lock says. */
#define UTIL_LOCK_FREE   0U
#define UTIL_LOCK_HELD   1U
#define UTIL_LOCK_WANTED 2U /* held, and somebody may sleep until it is dropped */

struct util_lock {
    atomic_uint word;
    atomic_uint waiters; /* threads inside util_lock_take_slow */
#if UTIL_LOCK_CHECKED
    atomic_uintptr_t owner; /* pthread_self of the holder, 0 when free */
#endif
};

struct util_cond {
    atomic_uint turn;     /* counts the wakes: what a sleeper sleeps on */
    atomic_uint sleepers; /* written under the lock */
};

/* Make and unmake the lock; fini of a held lock asserts. init cannot fail. */
void util_lock_init(struct util_lock *lock);
void util_lock_fini(struct util_lock *lock);

/* The contended halves of util_lock_take and util_lock_drop. */
void util_lock_take_slow(struct util_lock *lock);
void util_lock_wake(struct util_lock *lock);

/* Lets threads that wait for this held lock run first, then takes it again. Returns at once when
 * nobody waits, and after a bounded number of yields when a waiter does not get to run. Whatever
 * the lock protects may have changed on return. */
void util_lock_give_way(struct util_lock *lock);

/* Makes a condition variable. There is nothing to unmake. */
void util_cond_init(struct util_cond *cond);

/* Waits on `cond`, dropping the held lock meanwhile, until woken or until deadline_ns, a time of
 * CLOCK_MONOTONIC (UINT64_MAX: no limit). Gives 0, also on a spurious wake-up, or -ETIMEDOUT; the
 * lock is held again in both cases. All waits on one condition are with the same lock. */
int util_cond_wait(struct util_cond *cond, struct util_lock *lock, uint64_t deadline_ns);

/* Wakes all who wait. Who does not hold the lock may miss one that is about to. */
void util_cond_wake_all(struct util_cond *cond);

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

#if UTIL_LOCK_TSAN

static inline void util_lock_note_take(struct util_lock *lock, bool try)
{
    __tsan_mutex_pre_lock(lock, try ? __tsan_mutex_try_lock : 0);
}

static inline void util_lock_note_taken(struct util_lock *lock, bool try, bool taken)
{
    __tsan_mutex_post_lock(lock, (try ? __tsan_mutex_try_lock : 0) | (taken ? 0 : __tsan_mutex_try_lock_failed), 0);
}

static inline void util_lock_note_drop(struct util_lock *lock)
{
    (void)__tsan_mutex_pre_unlock(lock, 0);
}

static inline void util_lock_note_dropped(struct util_lock *lock)
{
    __tsan_mutex_post_unlock(lock, 0);
}

#else

static inline void util_lock_note_take(struct util_lock *lock, bool try)
{
    (void)lock;
    (void)try;
}

static inline void util_lock_note_taken(struct util_lock *lock, bool try, bool taken)
{
    (void)lock;
    (void)try;
    (void)taken;
}

static inline void util_lock_note_drop(struct util_lock *lock)
{
    (void)lock;
}

static inline void util_lock_note_dropped(struct util_lock *lock)
{
    (void)lock;
}

#endif

/* Moves the word from free to held, if it is free. Acquire: with the release in util_lock_drop. */
static inline bool util_lock_grab(struct util_lock *lock)
{
    unsigned int word = UTIL_LOCK_FREE;

    return atomic_compare_exchange_strong_explicit(&lock->word, &word, UTIL_LOCK_HELD, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* Takes the lock if it is free; true when taken. */
static inline bool util_lock_try(struct util_lock *lock)
{
    bool taken;

    util_lock_assert_not_held(lock);
    util_lock_note_take(lock, true);
    taken = util_lock_grab(lock);
    util_lock_note_taken(lock, true, taken);
    if (taken)
        util_lock_set_owner(lock);
    return taken;
}

/* Takes the lock, waiting for it if need be. Not recursive. */
static inline void util_lock_take(struct util_lock *lock)
{
    util_lock_assert_not_held(lock);
    util_lock_note_take(lock, false);
    if (__builtin_expect(!util_lock_grab(lock), 0))
        util_lock_take_slow(lock);
    util_lock_note_taken(lock, false, true);
    util_lock_set_owner(lock);
}

static inline void util_lock_drop(struct util_lock *lock)
{
    util_lock_assert_held(lock);
    util_lock_clear_owner(lock);
    util_lock_note_drop(lock);
    /* Release: whoever takes the lock next sees what was done under it. */
    if (__builtin_expect(
            atomic_exchange_explicit(&lock->word, UTIL_LOCK_FREE, memory_order_release) == UTIL_LOCK_WANTED, 0))
        util_lock_wake(lock);
    util_lock_note_dropped(lock);
}

/* Number of threads waiting for the lock: a hint, possibly stale, hence relaxed. */
static inline unsigned int util_lock_wanted(struct util_lock *lock)
{
    return atomic_load_explicit(&lock->waiters, memory_order_relaxed);
}

#endif /* UTIL_LOCK_H */
