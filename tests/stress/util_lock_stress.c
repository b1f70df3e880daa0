/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Threads on one util_lock: it excludes, its waiters are counted, and a thread that polls under the
 * lock and gives way lets the others through. A plain program, so that it runs under TSan.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tests/support/support_guard.h"
#include "util/util_clock.h"
#include "util/util_lock.h"

#define WORKERS 4
#define ROUNDS  20000

static struct util_lock lock;
static struct util_cond cond;

/* Under lock; plain on purpose, so that TSan sees a lock that does not exclude. */
static unsigned long counter;
static unsigned int tokens;
static unsigned int workers_left;

static atomic_bool done;

static void *count_up(void *arg)
{
    unsigned int mode = *(const unsigned int *)arg;

    for (int i = 0; i < ROUNDS; i++) {
        if (mode == 0) {
            util_lock_take(&lock);
        } else {
            while (!util_lock_try(&lock))
                (void)sched_yield();
        }
        util_lock_assert_held(&lock);
        counter++;
        util_lock_drop(&lock);
    }
    return NULL;
}

static void run_exclusion(void)
{
    pthread_t threads[WORKERS];
    unsigned int modes[WORKERS];

    counter = 0;
    for (unsigned int i = 0; i < WORKERS; i++) {
        modes[i] = i % 2;
        SUPPORT_CHECK(pthread_create(&threads[i], NULL, count_up, &modes[i]) == 0);
    }
    for (unsigned int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    SUPPORT_CHECK(counter == (unsigned long)WORKERS * ROUNDS);
    SUPPORT_CHECK(util_lock_wanted(&lock) == 0);
}

/* Holds the lock as a progress loop does, and only lets it go for those who want it. */
static void *poll_and_give_way(void *arg)
{
    (void)arg;
    util_lock_take(&lock);
    while (!atomic_load(&done)) {
        if (util_lock_wanted(&lock) > 0)
            util_lock_give_way(&lock);
    }
    util_lock_drop(&lock);
    return NULL;
}

static void *post_now_and_then(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        util_lock_take(&lock);
        counter++;
        util_lock_drop(&lock);
        (void)sched_yield();
    }
    return NULL;
}

/* Ends at all only if the poller does not starve the posters; meson's time limit is the judge. */
static void run_give_way(void)
{
    pthread_t poller;
    pthread_t posters[WORKERS];

    counter = 0;
    atomic_store(&done, false);
    SUPPORT_CHECK(pthread_create(&poller, NULL, poll_and_give_way, NULL) == 0);
    for (int i = 0; i < WORKERS; i++)
        SUPPORT_CHECK(pthread_create(&posters[i], NULL, post_now_and_then, NULL) == 0);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(posters[i], NULL);
    atomic_store(&done, true);
    pthread_join(poller, NULL);
    SUPPORT_CHECK(counter == 200UL * WORKERS);
}

static void *consume(void *arg)
{
    (void)arg;
    util_lock_take(&lock);
    for (int i = 0; i < 1000; i++) {
        while (tokens == 0)
            (void)util_cond_wait(&cond, &lock, util_clock_deadline_ms(1000));
        util_lock_assert_held(&lock);
        tokens--;
    }
    workers_left--;
    util_lock_drop(&lock);
    return NULL;
}

static void run_conditions(void)
{
    pthread_t consumers[WORKERS];

    tokens = 0;
    workers_left = WORKERS;
    for (int i = 0; i < WORKERS; i++)
        SUPPORT_CHECK(pthread_create(&consumers[i], NULL, consume, NULL) == 0);
    for (int i = 0; i < 1000 * WORKERS; i++) {
        util_lock_take(&lock);
        tokens++;
        util_cond_wake_all(&cond);
        util_lock_drop(&lock);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(consumers[i], NULL);
    SUPPORT_CHECK(tokens == 0 && workers_left == 0);
}

static int work(void)
{
    util_lock_init(&lock);
    util_cond_init(&cond);
    run_exclusion();
    run_give_way();
    run_conditions();
    util_lock_fini(&lock);
    return 0;
}

SUPPORT_MAIN(work)
