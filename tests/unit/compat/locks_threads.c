/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Many threads at each kind of lock, at atomic integers, and handing a ball around with a condition variable. A plain
 * program, so that it runs under ThreadSanitizer, which sees what a lock does not cover.
 */
#include <stdio.h>

#include "mercury_atomic.h"
#include "mercury_thread.h"
#include "mercury_thread_condition.h"
#include "mercury_thread_mutex.h"
#include "mercury_thread_rwlock.h"
#include "mercury_thread_spin.h"
#include "tests/support/support_guard.h"

#define THREADS 4
#define ROUNDS  5000
#define PASSES  1000

struct shared {
    hg_thread_mutex_t mutex;
    hg_thread_mutex_t fast;
    hg_thread_spin_t spin;
    hg_thread_rwlock_t rwlock;
    hg_thread_cond_t cond;
    long by_mutex;
    long by_fast;
    long by_spin;
    long by_rwlock[2]; /* equal, but for a writer in the middle */
    unsigned int turn; /* of the ball, by mutex: who has it */
    hg_atomic_int32_t counted32;
    hg_atomic_int64_t counted64;
    hg_atomic_int32_t swapped;
    hg_atomic_int32_t published;
    long message; /* covered by published alone */
};

struct player {
    hg_thread_t thread;
    struct shared *shared;
    unsigned int number;
};

static void count(struct shared *shared)
{
    int32_t seen = 0;

    hg_thread_mutex_lock(&shared->mutex);
    shared->by_mutex++;
    hg_thread_mutex_unlock(&shared->mutex);
    while (hg_thread_mutex_try_lock(&shared->fast) != HG_UTIL_SUCCESS)
        (void)hg_thread_yield();
    shared->by_fast++;
    hg_thread_mutex_unlock(&shared->fast);
    hg_thread_spin_lock(&shared->spin);
    shared->by_spin++;
    hg_thread_spin_unlock(&shared->spin);
    (void)hg_atomic_incr32(&shared->counted32);
    (void)hg_atomic_decr64(&shared->counted64);
    do {
        seen = hg_atomic_get32(&shared->swapped);
    } while (!hg_atomic_cas32(&shared->swapped, seen, seen + 2));
}

static void read_and_write(struct shared *shared)
{
    hg_thread_rwlock_rdlock(&shared->rwlock);
    SUPPORT_CHECK(shared->by_rwlock[0] == shared->by_rwlock[1]);
    hg_thread_rwlock_release_rdlock(&shared->rwlock);
    hg_thread_rwlock_wrlock(&shared->rwlock);
    shared->by_rwlock[0]++;
    shared->by_rwlock[1]++;
    hg_thread_rwlock_release_wrlock(&shared->rwlock);
}

/* Waits for the ball and gives it to the next. Half of the players wait with a limit, longer than the test. */
static void pass_ball(struct player *player)
{
    struct shared *shared = player->shared;

    hg_thread_mutex_lock(&shared->mutex);
    while (shared->turn != player->number) {
        if (player->number % 2 == 0)
            SUPPORT_CHECK(hg_thread_cond_wait(&shared->cond, &shared->mutex) == HG_UTIL_SUCCESS);
        else
            SUPPORT_CHECK(hg_thread_cond_timedwait(&shared->cond, &shared->mutex, 50000) == HG_UTIL_SUCCESS);
    }
    shared->turn = (player->number + 1) % THREADS;
    SUPPORT_CHECK(hg_thread_cond_broadcast(&shared->cond) == HG_UTIL_SUCCESS);
    hg_thread_mutex_unlock(&shared->mutex);
}

static HG_THREAD_RETURN_TYPE play(void *arg)
{
    struct player *player = arg;
    struct shared *shared = player->shared;

    while (hg_atomic_get32(&shared->published) == 0)
        (void)hg_thread_yield();
    SUPPORT_CHECK(shared->message == 42);
    for (int i = 0; i < ROUNDS; i++) {
        count(shared);
        read_and_write(shared);
    }
    for (int i = 0; i < PASSES; i++)
        pass_ball(player);
    return NULL;
}

static void shared_open(struct shared *shared)
{
    SUPPORT_CHECK(hg_thread_mutex_init(&shared->mutex) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_mutex_init_fast(&shared->fast) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_spin_init(&shared->spin) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_rwlock_init(&shared->rwlock) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_cond_init(&shared->cond) == HG_UTIL_SUCCESS);
    hg_atomic_init32(&shared->counted32, 0);
    hg_atomic_init64(&shared->counted64, 0);
    hg_atomic_init32(&shared->swapped, 0);
    hg_atomic_init32(&shared->published, 0);
}

static void shared_close(struct shared *shared)
{
    SUPPORT_CHECK(hg_thread_cond_destroy(&shared->cond) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_rwlock_destroy(&shared->rwlock) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_spin_destroy(&shared->spin) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_mutex_destroy(&shared->fast) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_mutex_destroy(&shared->mutex) == HG_UTIL_SUCCESS);
}

static int work(void)
{
    struct shared shared = {0};
    struct player players[THREADS];

    shared_open(&shared);
    for (unsigned int i = 0; i < THREADS; i++) {
        players[i] = (struct player){.shared = &shared, .number = i};
        SUPPORT_CHECK(hg_thread_create(&players[i].thread, play, &players[i]) == HG_UTIL_SUCCESS);
    }
    shared.message = 42;
    hg_atomic_set32(&shared.published, 1);
    for (unsigned int i = 0; i < THREADS; i++)
        SUPPORT_CHECK(hg_thread_join(players[i].thread) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(shared.by_mutex == THREADS * ROUNDS && shared.by_fast == THREADS * ROUNDS);
    SUPPORT_CHECK(shared.by_spin == THREADS * ROUNDS && shared.by_rwlock[0] == THREADS * ROUNDS);
    SUPPORT_CHECK(hg_atomic_get32(&shared.counted32) == THREADS * ROUNDS);
    SUPPORT_CHECK(hg_atomic_get64(&shared.counted64) == -THREADS * ROUNDS);
    SUPPORT_CHECK(hg_atomic_get32(&shared.swapped) == 2 * THREADS * ROUNDS);
    shared_close(&shared);
    printf("%d rounds and %d passes of %d threads\n", ROUNDS, PASSES, THREADS);
    return 0;
}

SUPPORT_MAIN(work)
