/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of the thread pool: all that was posted runs once, by several posters and by workers that post; in order where
 * there is one thread; destroying a pool waits for what is queued, and refuses what comes after. A plain program, so
 * that it runs under ThreadSanitizer.
 */
#include <stdio.h>

#include "mercury_atomic.h"
#include "mercury_thread_pool.h"
#include "tests/support/support_guard.h"

#define WORKERS 3
#define POSTERS 3
#define PIECES  2000

struct piece {
    struct hg_thread_work work;
    hg_atomic_int32_t runs;
    hg_thread_pool_t *pool;
    struct piece *child; /* posted by the work itself, if there is one */
};

static HG_THREAD_RETURN_TYPE run_piece(void *arg)
{
    struct piece *piece = arg;

    (void)hg_atomic_incr32(&piece->runs);
    if (piece->child != NULL)
        SUPPORT_CHECK(hg_thread_pool_post(piece->pool, &piece->child->work) == HG_UTIL_SUCCESS);
    return NULL;
}

static void piece_make(struct piece *piece, hg_thread_pool_t *pool, struct piece *child)
{
    piece->work.func = run_piece;
    piece->work.args = piece;
    piece->pool = pool;
    piece->child = child;
    hg_atomic_init32(&piece->runs, 0);
}

struct poster {
    hg_thread_t thread;
    hg_thread_pool_t *pool;
    struct piece pieces[PIECES];
};

static struct poster posters[POSTERS];

static HG_THREAD_RETURN_TYPE post_pieces(void *arg)
{
    struct poster *poster = arg;

    for (int i = 0; i < PIECES; i++)
        SUPPORT_CHECK(hg_thread_pool_post(poster->pool, &poster->pieces[i].work) == HG_UTIL_SUCCESS);
    return NULL;
}

static void all_posted_work_runs_once(void)
{
    hg_thread_pool_t *pool = NULL;

    SUPPORT_CHECK(hg_thread_pool_init(WORKERS, &pool) == HG_UTIL_SUCCESS);
    for (int i = 0; i < POSTERS; i++) {
        posters[i].pool = pool;
        for (int j = 0; j < PIECES; j++)
            piece_make(&posters[i].pieces[j], pool, NULL);
        SUPPORT_CHECK(hg_thread_create(&posters[i].thread, post_pieces, &posters[i]) == HG_UTIL_SUCCESS);
    }
    for (int i = 0; i < POSTERS; i++)
        SUPPORT_CHECK(hg_thread_join(posters[i].thread) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_pool_destroy(pool) == HG_UTIL_SUCCESS);
    for (int i = 0; i < POSTERS; i++) {
        for (int j = 0; j < PIECES; j++)
            SUPPORT_CHECK(hg_atomic_get32(&posters[i].pieces[j].runs) == 1);
    }
}

/* One after the other, each posted by the one before: the pool sleeps and wakes in between. */
static void work_may_post_work(void)
{
    static struct piece pieces[PIECES];
    hg_thread_pool_t *pool = NULL;

    SUPPORT_CHECK(hg_thread_pool_init(2, &pool) == HG_UTIL_SUCCESS);
    for (int i = 0; i < PIECES; i++)
        piece_make(&pieces[i], pool, i + 1 < PIECES ? &pieces[i + 1] : NULL);
    SUPPORT_CHECK(hg_thread_pool_post(pool, &pieces[0].work) == HG_UTIL_SUCCESS);
    while (hg_atomic_get32(&pieces[PIECES - 1].runs) == 0)
        (void)hg_thread_yield();
    SUPPORT_CHECK(hg_thread_pool_destroy(pool) == HG_UTIL_SUCCESS);
    for (int i = 0; i < PIECES; i++)
        SUPPORT_CHECK(hg_atomic_get32(&pieces[i].runs) == 1);
}

/* For one worker: a gate that holds it, then work that notes its turn. */
struct line {
    hg_thread_mutex_t mutex;
    hg_thread_cond_t cond;
    bool open;           /* by mutex */
    unsigned int served; /* the worker's own */
};

struct turn {
    struct hg_thread_work work;
    struct line *line;
    unsigned int got;
};

static HG_THREAD_RETURN_TYPE hold_gate(void *arg)
{
    struct line *line = arg;

    hg_thread_mutex_lock(&line->mutex);
    while (!line->open)
        SUPPORT_CHECK(hg_thread_cond_wait(&line->cond, &line->mutex) == HG_UTIL_SUCCESS);
    hg_thread_mutex_unlock(&line->mutex);
    return NULL;
}

static HG_THREAD_RETURN_TYPE take_turn(void *arg)
{
    struct turn *turn = arg;

    turn->got = ++turn->line->served;
    return NULL;
}

struct closer {
    hg_thread_t thread;
    hg_thread_pool_t *pool;
};

static HG_THREAD_RETURN_TYPE close_pool(void *arg)
{
    struct closer *closer = arg;

    SUPPORT_CHECK(hg_thread_pool_destroy(closer->pool) == HG_UTIL_SUCCESS);
    return NULL;
}

/* The pool is closed while its one worker is held at the gate: what is queued still runs, in order; what is posted once
 * it has begun to close is refused. */
static void closing_waits_for_what_is_queued(void)
{
    static struct turn turns[100];
    struct line line = {.open = false};
    struct hg_thread_work gate = {.func = hold_gate, .args = &line};
    struct closer closer;
    struct piece probe;

    SUPPORT_CHECK(hg_thread_mutex_init(&line.mutex) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_cond_init(&line.cond) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_pool_init(1, &closer.pool) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_pool_post(closer.pool, &gate) == HG_UTIL_SUCCESS);
    for (unsigned int i = 0; i < 100; i++) {
        turns[i] = (struct turn){.work = {.func = take_turn, .args = &turns[i]}, .line = &line};
        SUPPORT_CHECK(hg_thread_pool_post(closer.pool, &turns[i].work) == HG_UTIL_SUCCESS);
    }
    SUPPORT_CHECK(hg_thread_create(&closer.thread, close_pool, &closer) == HG_UTIL_SUCCESS);
    /* The held worker keeps the pool alive. */
    for (;;) {
        bool closing;

        hg_thread_mutex_lock(&closer.pool->mutex);
        closing = closer.pool->closed;
        hg_thread_mutex_unlock(&closer.pool->mutex);
        if (closing)
            break;
        (void)hg_thread_yield();
    }
    piece_make(&probe, closer.pool, NULL);
    SUPPORT_CHECK(hg_thread_pool_post(closer.pool, &probe.work) == HG_UTIL_FAIL);
    hg_thread_mutex_lock(&line.mutex);
    line.open = true;
    SUPPORT_CHECK(hg_thread_cond_signal(&line.cond) == HG_UTIL_SUCCESS);
    hg_thread_mutex_unlock(&line.mutex);
    SUPPORT_CHECK(hg_thread_join(closer.thread) == HG_UTIL_SUCCESS);
    for (unsigned int i = 0; i < 100; i++)
        SUPPORT_CHECK(turns[i].got == i + 1);
    SUPPORT_CHECK(hg_atomic_get32(&probe.runs) == 0);
    SUPPORT_CHECK(hg_thread_cond_destroy(&line.cond) == HG_UTIL_SUCCESS);
    SUPPORT_CHECK(hg_thread_mutex_destroy(&line.mutex) == HG_UTIL_SUCCESS);
}

static int work(void)
{
    all_posted_work_runs_once();
    work_may_post_work();
    closing_waits_for_what_is_queued();
    printf("%d pieces of work\n", POSTERS * PIECES + PIECES + 100);
    return 0;
}

SUPPORT_MAIN(work)
