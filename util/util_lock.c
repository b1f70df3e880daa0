/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contended half of the lock, and its condition variables. The count of waiters is raised
 * before the blocking take and lowered after it, so that it is never 0 while a thread sleeps.
 *
 * The lock is the one with three states of Ulrich Drepper's "Futexes Are Tricky": whoever had to
 * wait takes it as UTIL_LOCK_WANTED, since others may still sleep, so that its drop wakes one more.
 * The kernel puts a thread to sleep only while the word is what it was seen to be, so a drop or a
 * wake in between is not missed.
 */
#include "util/util_lock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util/util_clock.h"

/* How often util_lock_give_way yields before it takes the lock back from waiters that do not run. */
#define GIVE_WAY_YIELDS 100

/* Sleeps while the word is @expected, until it is woken, or until @until, a time of CLOCK_MONOTONIC (NULL: no limit).
 * 0, also when it did not sleep or was interrupted, or -ETIMEDOUT. */
static int futex_sleep(atomic_uint *word, unsigned int expected, const struct timespec *until)
{
    /* Of the waits, the one whose time is absolute. */
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, until, NULL, FUTEX_BITSET_MATCH_ANY);

    return rc != 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

static void futex_wake(atomic_uint *word, int count)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

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
    atomic_init(&lock->word, UTIL_LOCK_FREE);
    atomic_init(&lock->waiters, 0);
    owner_init(lock);
}

void util_lock_fini(struct util_lock *lock)
{
    if (lock == NULL)
        return;
    assert(atomic_load_explicit(&lock->word, memory_order_relaxed) == UTIL_LOCK_FREE);
#if UTIL_LOCK_TSAN
    __tsan_mutex_destroy(lock, __tsan_mutex_not_static);
#endif
}

void util_lock_take_slow(struct util_lock *lock)
{
    /* Relaxed: the count is a hint to the holder; the word orders all else. */
    atomic_fetch_add_explicit(&lock->waiters, 1, memory_order_relaxed);
    /* Acquire: as in util_lock_grab. */
    while (atomic_exchange_explicit(&lock->word, UTIL_LOCK_WANTED, memory_order_acquire) != UTIL_LOCK_FREE)
        (void)futex_sleep(&lock->word, UTIL_LOCK_WANTED, NULL);
    atomic_fetch_sub_explicit(&lock->waiters, 1, memory_order_relaxed);
}

void util_lock_wake(struct util_lock *lock)
{
    futex_wake(&lock->word, 1);
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

void util_cond_init(struct util_cond *cond)
{
    atomic_init(&cond->turn, 0);
    atomic_init(&cond->sleepers, 0);
}

int util_cond_wait(struct util_cond *cond, struct util_lock *lock, uint64_t deadline_ns)
{
    const struct timespec until = {
        .tv_sec = (time_t)(deadline_ns / UTIL_CLOCK_NS_PER_S),
        .tv_nsec = (long)(deadline_ns % UTIL_CLOCK_NS_PER_S),
    };
    unsigned int turn;
    int error;

    /* seq_cst, as in util_cond_wake_all: a waker without the lock that does not see the sleeper has raised the turn
     * before it is read here. */
    atomic_fetch_add(&cond->sleepers, 1);
    turn = atomic_load(&cond->turn);
    util_lock_drop(lock);
    error = futex_sleep(&cond->turn, turn, deadline_ns == UTIL_CLOCK_NEVER ? NULL : &until);
    util_lock_take(lock);
    atomic_fetch_sub(&cond->sleepers, 1);
    return error;
}

void util_cond_wake_all(struct util_cond *cond)
{
    atomic_fetch_add(&cond->turn, 1);
    if (atomic_load(&cond->sleepers) > 0)
        futex_wake(&cond->turn, INT_MAX);
}
