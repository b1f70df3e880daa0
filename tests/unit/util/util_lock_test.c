/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_lock that need few threads; stress/util_lock_stress.c has the rest.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "tests/support/support_guard.h"
#include "util/util_clock.h"
#include "util/util_lock.h"

TestSuite(util_lock, .init = support_begin, .fini = support_end);

struct shared {
    struct util_lock lock;
    struct util_cond cond;
    int value; /* under lock */
};

static void shared_init(struct shared *s)
{
    util_lock_init(&s->lock);
    util_cond_init(&s->cond);
    s->value = 0;
}

static void shared_fini(struct shared *s)
{
    util_lock_fini(&s->lock);
}

static void *take_and_increment(void *arg)
{
    struct shared *s = arg;

    util_lock_take(&s->lock);
    s->value++;
    util_cond_wake_all(&s->cond);
    util_lock_drop(&s->lock);
    return NULL;
}

static void *try_once(void *arg)
{
    struct shared *s = arg;
    bool taken = util_lock_try(&s->lock);

    if (taken)
        util_lock_drop(&s->lock);
    return taken ? s : NULL;
}

Test(util_lock, try_fails_while_another_thread_holds_it)
{
    struct shared s;
    pthread_t thread;
    void *result;

    shared_init(&s);
    util_lock_take(&s.lock);
    pthread_create(&thread, NULL, try_once, &s);
    pthread_join(thread, &result);
    cr_assert_null(result);
    util_lock_drop(&s.lock);
    pthread_create(&thread, NULL, try_once, &s);
    pthread_join(thread, &result);
    cr_assert_not_null(result);
    shared_fini(&s);
}

Test(util_lock, wanted_counts_a_waiter_and_give_way_lets_it_run)
{
    struct shared s;
    pthread_t thread;

    shared_init(&s);
    util_lock_take(&s.lock);
    cr_assert_eq(util_lock_wanted(&s.lock), 0);
    util_lock_give_way(&s.lock);
    pthread_create(&thread, NULL, take_and_increment, &s);
    while (util_lock_wanted(&s.lock) == 0)
        sched_yield();
    /* Bounded, so it may have to be tried again on a busy machine. */
    while (s.value == 0)
        util_lock_give_way(&s.lock);
    util_lock_drop(&s.lock);
    pthread_join(thread, NULL);
    cr_assert_eq(util_lock_wanted(&s.lock), 0);
    shared_fini(&s);
}

Test(util_lock, cond_wait_ends_at_its_deadline_with_the_lock_held)
{
    struct shared s;
    uint64_t deadline_ns;
    int rc = 0;

    shared_init(&s);
    util_lock_take(&s.lock);
    deadline_ns = util_clock_deadline_ms(5);
    while (rc == 0)
        rc = util_cond_wait(&s.cond, &s.lock, deadline_ns);
    util_lock_assert_held(&s.lock);
    cr_assert_eq(rc, -ETIMEDOUT);
    cr_assert(util_clock_now_ns() >= deadline_ns);
    util_lock_drop(&s.lock);
    shared_fini(&s);
}

Test(util_lock, cond_wait_without_deadline_ends_at_the_signal)
{
    struct shared s;
    pthread_t thread;

    shared_init(&s);
    util_lock_take(&s.lock);
    pthread_create(&thread, NULL, take_and_increment, &s);
    while (s.value == 0)
        cr_assert_eq(util_cond_wait(&s.cond, &s.lock, UTIL_CLOCK_NEVER), 0);
    util_lock_drop(&s.lock);
    pthread_join(thread, NULL);
    shared_fini(&s);
}

Test(util_lock, fini_takes_null)
{
    util_lock_fini(NULL);
}

#if UTIL_LOCK_CHECKED

/* These two abort on purpose, so nothing may be checked after them. */
TestSuite(util_lock_checked);

Test(util_lock_checked, assert_held_stops_a_thread_that_does_not_hold_it, .signal = SIGABRT)
{
    struct util_lock lock;

    util_lock_init(&lock);
    util_lock_assert_held(&lock);
}

Test(util_lock_checked, taking_it_twice_stops_the_thread, .signal = SIGABRT)
{
    struct util_lock lock;

    util_lock_init(&lock);
    util_lock_take(&lock);
    util_lock_take(&lock);
}

#endif
