/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The thread that sends what was refused while nobody makes progress, and what a callback that does not return
 * keeps from leaving. In contexts where a thread of the user makes the turns it only sends.
 */

#include "hg/hg_flusher.h"

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_progress.h"
#include "util/util_clock.h"
#include "util/util_log.h"
#include "util/util_thread.h"

/* Between two tries; also how long the user's own threads are given before the first. */
#define FLUSHER_PERIOD_NS (1000U * 1000U)

void hg_flusher_init(struct hg_flusher *flusher, bool disabled)
{
    util_lock_init(&flusher->lock);
    util_cond_init(&flusher->cond);
    util_list_init(&flusher->queue);
    flusher->disabled = disabled;
}

/* One turn for the context; only what is gathered is sent where a thread of the user makes the turns. True when nothing
 * waits any more. */
static bool flusher_help(struct hg_context *context)
{
    bool done;

    util_lock_take(&context->lock);
    if (context->progressing)
        hg_progress_flush_locked(context);
    else
        (void)hg_progress_turn_locked(context);
    done = util_list_empty(&context->due_sessions);
    if (done)
        context->flush_asked = false;
    util_lock_drop(&context->lock);
    return done;
}

/* Takes the next context and helps it; it queues up again while something waits. Called with the lock. */
static void flusher_turn(struct hg_flusher *flusher)
{
    struct util_list *node = util_list_pop(&flusher->queue);
    struct hg_context *context = util_container_of(node, struct hg_context, flush_link);
    bool done;

    flusher->busy = context;
    util_lock_drop(&flusher->lock);
    done = flusher_help(context);
    util_lock_take(&flusher->lock);
    flusher->busy = NULL;
    if (!done && !context->flush_forgotten && util_list_empty(&context->flush_link))
        util_list_push(&flusher->queue, &context->flush_link);
    util_cond_wake_all(&flusher->cond);
}

static void *flusher_main(void *arg)
{
    struct hg_flusher *flusher = arg;

    util_lock_take(&flusher->lock);
    while (!flusher->stop) {
        uint64_t until_ns = UTIL_CLOCK_NEVER;

        if (!util_list_empty(&flusher->queue))
            until_ns = util_clock_deadline_ns(FLUSHER_PERIOD_NS);
        while (!flusher->stop && util_cond_wait(&flusher->cond, &flusher->lock, until_ns) == 0 &&
               until_ns == UTIL_CLOCK_NEVER && util_list_empty(&flusher->queue))
            continue;
        if (until_ns != UTIL_CLOCK_NEVER && !flusher->stop && !util_list_empty(&flusher->queue))
            flusher_turn(flusher);
    }
    util_lock_drop(&flusher->lock);
    return NULL;
}

static bool flusher_start(struct hg_flusher *flusher)
{
    int error;

    if (flusher->started)
        return true;
    error = util_thread_start(&flusher->thread, flusher_main, flusher);
    flusher->started = error == 0;
    if (error != 0)
        UTIL_LOG_WARNING(UTIL_LOG_AREA_CLS, "no thread to send in the background: error %d", -error);
    return flusher->started;
}

static void flusher_ask(struct hg_context *context)
{
    struct hg_flusher *flusher = &context->hg_class->flusher;

    if (context->flush_asked || context->closing || flusher->disabled)
        return;
    util_lock_take(&flusher->lock);
    if (flusher_start(flusher)) {
        context->flush_asked = true;
        if (util_list_empty(&context->flush_link))
            util_list_push(&flusher->queue, &context->flush_link);
        util_cond_wake_all(&flusher->cond);
    }
    util_lock_drop(&flusher->lock);
}

void hg_flusher_check_locked(struct hg_context *context)
{
    /* A thread in HG_Progress sends by itself: it is awake, or was just woken. */
    if (!util_list_empty(&context->due_sessions) && !context->progressing)
        flusher_ask(context);
}

void hg_flusher_deferred_locked(struct hg_context *context)
{
    if (context->progressing && atomic_load_explicit(&context->armed, memory_order_relaxed))
        flusher_ask(context);
}

void hg_flusher_forget(struct hg_context *context)
{
    struct hg_flusher *flusher = &context->hg_class->flusher;

    util_lock_take(&flusher->lock);
    context->flush_forgotten = true;
    while (flusher->busy == context)
        (void)util_cond_wait(&flusher->cond, &flusher->lock, UTIL_CLOCK_NEVER);
    util_list_remove(&context->flush_link);
    util_lock_drop(&flusher->lock);
}

void hg_flusher_fini(struct hg_flusher *flusher)
{
    util_lock_take(&flusher->lock);
    flusher->stop = true;
    util_cond_wake_all(&flusher->cond);
    util_lock_drop(&flusher->lock);
    if (flusher->started)
        (void)pthread_join(flusher->thread, NULL);
    util_lock_fini(&flusher->lock);
}
