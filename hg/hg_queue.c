/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The completion queue and HG_Trigger. Entries leave under the context's lock, one at a time, and run
 * without it. While a thread runs callbacks of a context, messages that they cause are gathered; they leave
 * when the queue is empty or the outermost run ends, at the latest 20 us after the first of them (checked
 * between callbacks: a callback that itself runs long has nothing waiting before it, because a run that finds
 * callbacks slow flushes after each).
 */

#include "hg/hg_queue.h"

#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_progress.h"
#include "hg/hg_session.h"
#include "mercury.h"
#include "util/util_clock.h"

/* How long a message may wait for the end of the callbacks (measured: no gain beyond). */
#define QUEUE_DEFER_NS (20U * 1000U)
/* A callback longer than this is slow: what it caused leaves before the next one runs. */
#define QUEUE_SLOW_NS (5U * 1000U)

/* The longest that a thread in HG_Trigger does not look for parcels. */
#define QUEUE_WAIT_SLICE_NS (10U * 1000U * 1000U)

/* The context whose callbacks this thread is running, innermost. One pointer of static TLS, which the C library
 * has room for even when we are loaded by dlopen(); the general model costs a call for each access. */
static _Thread_local const struct hg_context *queue_running __attribute__((tls_model("initial-exec")));
/* Whether the callback that this thread is running has sent a message at once. */
static _Thread_local bool queue_sent __attribute__((tls_model("initial-exec")));

bool hg_queue_gathers_locked(struct hg_context *context)
{
    if (queue_running != context)
        return false;
    if (queue_sent || atomic_load_explicit(&context->ready_count, memory_order_relaxed) > 0)
        return true;
    queue_sent = true;
    return false;
}

static void queue_wake_locked(struct hg_context *context)
{
    if (context->cond_waiters > 0)
        util_cond_wake_all(&context->cond);
    /* Relaxed: written under the lock that we hold. */
    if (atomic_load_explicit(&context->armed, memory_order_relaxed)) {
        context->counters.wakeups++;
        na_wake(context->na);
    }
}

/* Changes the count under the lock and gives the new value. Relaxed: readers without the lock take it as a hint. */
static uint32_t queue_count_add(struct hg_context *context, int change)
{
    uint32_t count = atomic_load_explicit(&context->ready_count, memory_order_relaxed) + (uint32_t)change;

    atomic_store_explicit(&context->ready_count, count, memory_order_relaxed);
    return count;
}

void hg_queue_push_locked(struct hg_context *context, struct hg_completion *completion)
{
    util_lock_assert_held(&context->lock);
    util_list_push(&context->ready, &completion->link);
    if (queue_count_add(context, 1) == 1)
        queue_wake_locked(context);
}

void hg_queue_post(struct hg_context *context, struct hg_parcel *parcel)
{
    util_lock_take(&context->inbox_lock);
    util_list_push(&context->inbox, &parcel->link);
    /* Release: the reader that sees the count sees the parcel's contents after taking inbox_lock anyway; the order
     * matters against `armed`, see hg_progress.c, hence seq_cst. */
    atomic_fetch_add(&context->inbox_count, 1);
    util_lock_drop(&context->inbox_lock);
    util_cond_wake_all(&context->cond); /* costs nothing while nobody waits */
    if (atomic_load(&context->armed))
        na_wake(context->na);
}

bool hg_queue_post_to(struct hg_class *hg_class, uint8_t id, struct hg_parcel *parcel)
{
    struct hg_context *context;

    util_lock_take(&hg_class->post_lock);
    context = hg_context_by_id(hg_class, id);
    if (context != NULL)
        hg_queue_post(context, parcel);
    util_lock_drop(&hg_class->post_lock);
    return context != NULL;
}

unsigned int hg_queue_drain_inbox_locked(struct hg_context *context)
{
    struct util_list parcels;
    struct util_list *node;
    unsigned int count = 0;

    if (atomic_load_explicit(&context->inbox_count, memory_order_acquire) == 0)
        return 0;
    util_list_init(&parcels);
    util_lock_take(&context->inbox_lock);
    util_list_splice(&parcels, &context->inbox);
    atomic_store(&context->inbox_count, 0);
    util_lock_drop(&context->inbox_lock);
    while ((node = util_list_pop(&parcels)) != NULL) {
        struct hg_parcel *parcel = util_container_of(node, struct hg_parcel, link);

        parcel->open_locked(parcel, context);
        count++;
    }
    return count;
}

/* The next entry, off the queue and with its own effects taken; NULL when there is none: then the end of the
 * outermost run (@outermost) has come, and what its callbacks caused leaves. */
static struct hg_completion *queue_pop(struct hg_context *context, bool outermost)
{
    struct hg_completion *completion = NULL;
    struct util_list *node;

    util_lock_take(&context->lock);
    (void)hg_queue_drain_inbox_locked(context);
    while (completion == NULL && (node = util_list_pop(&context->ready)) != NULL) {
        completion = util_container_of(node, struct hg_completion, link);
        (void)queue_count_add(context, -1);
        if (completion->take_locked != NULL && !completion->take_locked(completion))
            completion = NULL;
    }
    if (completion == NULL && outermost) {
        hg_progress_flush_locked(context);
        hg_flusher_check_locked(context);
    }
    util_lock_drop(&context->lock);
    return completion;
}

/* After the last callback that the caller wanted: while entries remain queued, the next run may send. */
static void queue_flush_end(struct hg_context *context)
{
    if (atomic_load_explicit(&context->due_since_ns, memory_order_relaxed) == 0)
        return;
    util_lock_take(&context->lock);
    if (util_list_empty(&context->ready))
        hg_progress_flush_locked(context);
    hg_flusher_check_locked(context);
    util_lock_drop(&context->lock);
}

/* Whether a run would find anything to do: entries, parcels, or messages that earlier runs have deferred. A hint, for
 * the empty calls that busy loops make; what it misses, the next call finds. */
static bool queue_has_work(struct hg_context *context)
{
    return atomic_load_explicit(&context->ready_count, memory_order_relaxed) > 0 ||
           atomic_load_explicit(&context->inbox_count, memory_order_relaxed) > 0 ||
           atomic_load_explicit(&context->due_since_ns, memory_order_relaxed) > 0;
}

/* Between two callbacks: sends what has waited long enough. *@before_ns is when the last callback began, 0 if that
 * was not noted. Without another entry the run ends and sends anyway: the clock is not asked. */
static void queue_flush_due(struct hg_context *context, uint64_t *before_ns)
{
    uint64_t since_ns;
    uint64_t now_ns;

    if (atomic_load_explicit(&context->ready_count, memory_order_relaxed) == 0)
        return;
    now_ns = util_clock_now_ns();
    /* Read without the lock: only this thread defers while it runs callbacks; another's deferral is its own care. */
    since_ns = atomic_load_explicit(&context->due_since_ns, memory_order_relaxed);
    if (since_ns != 0 &&
        ((*before_ns != 0 && now_ns - *before_ns >= QUEUE_SLOW_NS) || now_ns - since_ns >= QUEUE_DEFER_NS)) {
        util_lock_take(&context->lock);
        hg_progress_flush_locked(context);
        hg_flusher_check_locked(context);
        util_lock_drop(&context->lock);
    }
    *before_ns = now_ns;
}

unsigned int hg_queue_run(struct hg_context *context, unsigned int max_count)
{
    const struct hg_context *outer = queue_running;
    unsigned int count = 0;
    uint64_t before_ns = 0;

    if (!queue_has_work(context))
        return 0;
    while (count < max_count) {
        struct hg_completion *completion = queue_pop(context, outer != context);

        if (completion == NULL)
            return count;
        queue_running = context;
        queue_sent = false;
        completion->run(completion);
        queue_running = outer;
        queue_sent = outer != NULL; /* an outer callback goes on gathering */
        count++;
        queue_flush_due(context, &before_ns);
    }
    if (outer != context)
        queue_flush_end(context);
    return count;
}

/* Whether a wait has come to its end: an entry, or a parcel that will become one. */
static bool queue_wait_over(struct hg_context *context)
{
    return !util_list_empty(&context->ready) || atomic_load_explicit(&context->inbox_count, memory_order_acquire) > 0;
}

/* Waits until the queue has something, at most until @deadline_ns; false on time-out. Whoever posts a parcel from
 * another context does not hold our lock, so its signal can come between our look and our wait: hence the slices. */
static bool queue_wait(struct hg_context *context, uint64_t deadline_ns)
{
    bool over;

    util_lock_take(&context->lock);
    context->cond_waiters++;
    hg_progress_flush_locked(context);
    while (!(over = queue_wait_over(context)) && util_clock_now_ns() < deadline_ns) {
        uint64_t slice_ns = util_clock_deadline_ns(QUEUE_WAIT_SLICE_NS);

        (void)util_cond_wait(&context->cond, &context->lock, slice_ns < deadline_ns ? slice_ns : deadline_ns);
    }
    context->cond_waiters--;
    util_lock_drop(&context->lock);
    return over;
}

hg_return_t HG_Trigger(hg_context_t *context, unsigned int timeout, unsigned int max_count,
                       unsigned int *actual_count_p)
{
    unsigned int count;
    uint64_t deadline_ns = 0;

    if (hg_fork_stops_context(context, "HG_Trigger"))
        return HG_FAULT;
    if (context == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Trigger: a NULL argument");
    count = hg_queue_run(context, max_count);
    while (count == 0 && max_count > 0 && timeout > 0) {
        if (deadline_ns == 0)
            deadline_ns = util_clock_deadline_ms(timeout);
        if (!queue_wait(context, deadline_ns))
            break;
        count = hg_queue_run(context, max_count);
    }
    if (actual_count_p != NULL)
        *actual_count_p = count;
    return count > 0 || max_count == 0 ? HG_SUCCESS : HG_TIMEOUT;
}

hg_return_t HG_Event_trigger(hg_context_t *context, unsigned int max_count, unsigned int *actual_count_p)
{
    unsigned int count;

    if (hg_fork_stops_context(context, "HG_Event_trigger"))
        return HG_FAULT;
    if (context == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Event_trigger: a NULL argument");
    count = hg_queue_run(context, max_count);
    if (actual_count_p != NULL)
        *actual_count_p = count;
    return HG_SUCCESS;
}
