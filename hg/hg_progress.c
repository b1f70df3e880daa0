/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Progress: one turn of everything that a context does, HG_Progress, which repeats it until a callback is
 * ready or the time is up, and the event calls for those who wait by themselves.
 *
 * HG_Progress spins for a while before it sleeps, because a wake-up costs more than most answers take. How no
 * wake-up is lost: a sleeper sets `armed`, then looks at the inbox once more (both seq_cst); a poster adds to the
 * inbox, then looks at `armed`: at least one of them sees the other. Everything else that could end the sleep
 * happens under the context's lock, which is held from before that look until the wait is armed, and is then seen by
 * na_wait_prepare() or rings na_wake().
 */

#include "hg/hg_progress.h"

#include <errno.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "bulk/bulk_env.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_port.h"
#include "hg/hg_queue.h"
#include "hg/hg_session.h"
#include "hg/hg_stats_signal.h"
#include "mercury.h"
#include "util/util_clock.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

/* Measured: near-busy latency while traffic gaps are below it, about 1 % of a core when idle. */
#define PROGRESS_SPIN_NS (50U * 1000U)
/* The sleep while something refused waits for the transport, which need not tell when there is room. */
#define PROGRESS_RETRY_NS (1000U * 1000U)
/* Idle turns between two looks at the clock. */
#define PROGRESS_CLOCK_TURNS 4U
/* Turns between two looks at the clock for timers that can wait for so long. */
#define PROGRESS_LAZY_TURNS 16U
/* Of those that ask for it, the turns until one tells the context the time in any case. */
#define PROGRESS_ABOUT_TURNS 8U
/* A timer that fires so late says that nobody made progress meanwhile. */
#define PROGRESS_STALL_NS (100U * UTIL_CLOCK_NS_PER_MS)
/* Rounds of reading completions before a due timer may fire, or after an absence. */
#define PROGRESS_DRAIN_ROUNDS 64U

void hg_progress_flush_locked(struct hg_context *context)
{
    struct util_list due;
    struct util_list *node;

    util_lock_assert_held(&context->lock);
    atomic_store_explicit(&context->due_since_ns, 0, memory_order_relaxed);
    if (util_list_empty(&context->due_sessions))
        return;
    hg_context_moment_begin_locked(context);
    /* Each session is offered once; those that are refused queue up again, behind the others. */
    util_list_init(&due);
    util_list_splice(&due, &context->due_sessions);
    while ((node = util_list_pop(&due)) != NULL) {
        struct hg_session *session = util_container_of(node, struct hg_session, due_link);

        if (!hg_session_pump(session) && session->state != HG_SESSION_ENDED && util_list_empty(&session->due_link))
            util_list_push(&context->due_sessions, &session->due_link);
    }
    hg_context_moment_end_locked(context);
    /* Whoever sleeps meanwhile does not know that there is something to retry. */
    if (!util_list_empty(&context->due_sessions) && atomic_load_explicit(&context->armed, memory_order_relaxed))
        na_wake(context->na);
}

void hg_progress_check_late_locked(struct hg_context *context, uint64_t deadline_ns, uint64_t now_ns)
{
    if (now_ns < deadline_ns + PROGRESS_STALL_NS)
        return;
    if (context->stall_seen_ns > deadline_ns)
        return; /* one stall makes many timers late */
    context->stall_seen_ns = now_ns;
    context->counters.stalls++;
    hg_event(context->hg_class, NULL, HG_EVENT_STALL,
             "nobody has made progress on context %u for %llu ms or more, though it was waited for", context->id,
             (unsigned long long)((now_ns - deadline_ns) / UTIL_CLOCK_NS_PER_MS));
}

/* The clock, for which this is the way to ask where turns go by. */
static uint64_t progress_ask(struct hg_context *context)
{
    uint64_t now_ns = util_clock_now_ns();

    hg_progress_asked_locked(context, now_ns);
    context->about_ns = now_ns;
    return now_ns;
}

static void progress_drain(struct hg_context *context)
{
    int events = 1;

    for (unsigned int round = 0; round < PROGRESS_DRAIN_ROUNDS && events > 0; round++) {
        hg_context_moment_begin_locked(context);
        events = hg_port_progress_all(context);
        hg_context_moment_end_locked(context);
    }
}

/* Fires what is due, after everything that has arrived was handled: an answer beats its timer. */
static unsigned int progress_timers(struct hg_context *context)
{
    if (util_wheel_next_ns(&context->wheel) > progress_ask(context))
        return 0;
    progress_drain(context);
    return (unsigned int)util_wheel_advance(&context->wheel, util_clock_now_ns());
}

/* A limit counts from the moment that a request is received, so one that has lain here for long looks fresh; but its origin
 * has said meanwhile that its time is over. */
static void progress_catch_up(struct hg_context *context)
{
    (void)progress_ask(context);
    progress_drain(context);
    if (context->stale_until_ns == UINT64_MAX)
        context->stale_until_ns = util_clock_now_ns() + HG_PROGRESS_BACK_NS;
    context->behind = false;
}

/* Whether to look at what is not looked at in each turn: a timer that is not to be kept waiting may be due, or it has been left
 * alone for long enough. */
static inline bool progress_look_due(struct hg_context *context)
{
    if (context->wheel.count > context->lazy_timers + context->resting_timers || context->lazy_turns == 0)
        return true;
    context->lazy_turns--;
    return false;
}

/* A signal has asked for what is counted. The lock is dropped meanwhile, since all of that is read by locks. */
static void progress_serve_signal(struct hg_context *context)
{
    util_lock_drop(&context->lock);
    hg_stats_signal_serve();
    util_lock_take(&context->lock);
}

/* Timers, the time, and signals; the lock may be dropped meanwhile. */
static unsigned int progress_look(struct hg_context *context)
{
    unsigned int count = 0;

    context->lazy_turns = PROGRESS_LAZY_TURNS;
    if (context->wheel.count > 0)
        count = progress_timers(context);
    else if (++context->about_turns % PROGRESS_ABOUT_TURNS == 0)
        (void)progress_ask(context);
    if (hg_stats_signal_pending())
        progress_serve_signal(context);
    return count;
}

unsigned int hg_progress_turn_locked(struct hg_context *context)
{
    unsigned int early =
        UTIL_MUTANT(TIMER_BEFORE_DRAIN) ? (unsigned int)util_wheel_advance(&context->wheel, util_clock_now_ns()) : 0;
    unsigned int count;
    int events;

    hg_context_moment_begin_locked(context);
    events = hg_port_progress(context);
    hg_context_moment_end_locked(context);
    count = early + (events > 0 ? (unsigned int)events : 0);
    if (context->behind)
        progress_catch_up(context);
    if (events < 0)
        util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_POLL, "the transport of context %u reports error %d",
                         context->id, events);
    if (atomic_load_explicit(&context->inbox_count, memory_order_relaxed) > 0)
        count += hg_queue_drain_inbox_locked(context);
    if (!bulk_env_idle(&context->bulk))
        count += bulk_env_resume(&context->bulk);
    if (!util_list_empty(&context->due_sessions))
        hg_progress_flush_locked(context);
    if (progress_look_due(context))
        count += progress_look(context);
    return count;
}

/* When the context needs a turn even if nothing arrives. */
static uint64_t progress_next_ns(struct hg_context *context, uint64_t now_ns)
{
    uint64_t next_ns = util_wheel_next_ns(&context->wheel);
    uint64_t na_ns = hg_port_next_deadline_ns(context);

    if (na_ns < next_ns)
        next_ns = na_ns;
    if ((!util_list_empty(&context->due_sessions) || context->bulk.blocked_count > 0) &&
        now_ns + PROGRESS_RETRY_NS < next_ns)
        next_ns = now_ns + PROGRESS_RETRY_NS;
    return next_ns;
}

/* Arms the wait descriptor; false when there is work already and nothing may sleep. */
static bool progress_arm(struct hg_context *context, uint64_t until_ns)
{
    context->armed_until_ns = until_ns;
    /* seq_cst: against hg_queue_post, see the head of this file. */
    atomic_store(&context->armed, true);
    if (atomic_load(&context->inbox_count) == 0 && !hg_stats_signal_pending() && util_list_empty(&context->ready) &&
        !bulk_env_ready(&context->bulk) && hg_port_wait_prepare(context))
        return true;
    hg_port_wait_finish(context);
    atomic_store(&context->armed, false);
    return false;
}

static void progress_disarm(struct hg_context *context)
{
    if (!atomic_load_explicit(&context->armed, memory_order_relaxed))
        return;
    atomic_store(&context->armed, false);
    hg_port_wait_finish(context);
}

/* Makes the user's descriptor readable when the context needs a turn although nothing arrives. */
static void progress_set_timer_fd(struct hg_context *context, uint64_t next_ns)
{
    struct itimerspec when = {0};

    if (next_ns == context->timer_fd_ns)
        return;
    context->timer_fd_ns = next_ns;
    if (next_ns != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(next_ns / UTIL_CLOCK_NS_PER_S);
        when.it_value.tv_nsec = (long)(next_ns % UTIL_CLOCK_NS_PER_S) | 1; /* 0 would disarm */
    }
    if (timerfd_settime(context->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        UTIL_LOG_ERROR(UTIL_LOG_AREA_POLL, "timerfd_settime: errno %d", errno);
}

static void progress_poll(const struct hg_context *context, uint64_t until_ns)
{
    struct pollfd pollfds[BULK_TRANSPORTS_MAX];
    uint64_t now_ns = util_clock_now_ns();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec left = {
        .tv_sec = (time_t)(left_ns / UTIL_CLOCK_NS_PER_S),
        .tv_nsec = (long)(left_ns % UTIL_CLOCK_NS_PER_S),
    };
    unsigned int i;

    for (i = 0; i < context->port_count; i++)
        pollfds[i] = (struct pollfd){.fd = na_wait_fd(context->ports[i].na), .events = POLLIN};
    /* A signal ends the wait like any event: the caller looks again. */
    (void)ppoll(pollfds, context->port_count, until_ns == UINT64_MAX ? NULL : &left, NULL);
}

/* Sleeps until something happens or @deadline_ns. The lock is dropped meanwhile. */
static void progress_sleep(struct hg_context *context, uint64_t deadline_ns)
{
    uint64_t until_ns = progress_next_ns(context, util_clock_now_ns());

    if (deadline_ns < until_ns)
        until_ns = deadline_ns;
    if (context->epoll_shared)
        progress_set_timer_fd(context, UINT64_MAX); /* or it would end the sleep whenever it is past */
    if (!progress_arm(context, until_ns))
        return;
    context->counters.sleeps++;
    util_lock_drop(&context->lock);
    progress_poll(context, until_ns);
    util_lock_take(&context->lock);
    context->about_ns = util_clock_now_ns();
    context->lazy_turns = 0; /* a timer may have ended the sleep */
    progress_disarm(context);
}

/* Turns until a callback is ready or @deadline_ns has passed: spins first, then sleeps. */
static void progress_loop(struct hg_context *context, uint64_t deadline_ns)
{
    bool can_sleep = hg_port_can_wait(context);
    uint64_t spin_until_ns = 0;
    unsigned int turn;

    for (turn = 0;; turn++) {
        unsigned int events = hg_progress_turn_locked(context);
        uint64_t now_ns;

        if (!util_list_empty(&context->ready) || deadline_ns == 0)
            return;
        if (turn % PROGRESS_CLOCK_TURNS != 0 && events == 0 && util_lock_wanted(&context->lock) == 0)
            continue; /* an idle turn costs little more than asking the clock */
        now_ns = util_clock_now_ns();
        context->about_ns = now_ns;
        if (now_ns >= deadline_ns)
            return;
        if (events > 0 || spin_until_ns == 0)
            spin_until_ns = now_ns + PROGRESS_SPIN_NS;
        if (can_sleep && now_ns >= spin_until_ns) {
            progress_sleep(context, deadline_ns);
            if (!util_list_empty(&context->ready))
                return;
        } else {
            util_lock_give_way(&context->lock);
        }
    }
}

/* Another thread makes the progress: waits until it has produced something, or has left. */
static void progress_wait_other(struct hg_context *context, uint64_t deadline_ns)
{
    context->cond_waiters++;
    while (context->progressing && util_list_empty(&context->ready) &&
           util_cond_wait(&context->cond, &context->lock, deadline_ns) == 0)
        continue;
    context->cond_waiters--;
}

hg_return_t HG_Progress(hg_context_t *context, unsigned int timeout)
{
    uint64_t deadline_ns = timeout == 0 ? 0 : util_clock_deadline_ms(timeout);
    bool ready;

    if (hg_fork_stops_context(context, "HG_Progress"))
        return HG_FAULT;
    if (context == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Progress: a NULL argument");
    util_lock_take(&context->lock);
    while (context->progressing && util_list_empty(&context->ready) && deadline_ns > 0 &&
           util_clock_now_ns() < deadline_ns)
        progress_wait_other(context, deadline_ns);
    if (!util_list_empty(&context->ready)) {
        hg_progress_flush_locked(context);
    } else if (!context->progressing) {
        context->progressing = true;
        progress_disarm(context);
        progress_loop(context, deadline_ns);
        context->progressing = false;
        hg_flusher_check_locked(context);
        if (context->cond_waiters > 0)
            util_cond_wake_all(&context->cond);
    }
    ready = !util_list_empty(&context->ready);
    util_lock_drop(&context->lock);
    return ready ? HG_SUCCESS : HG_TIMEOUT;
}

int HG_Event_get_wait_fd(const hg_context_t *context)
{
    if (context == NULL || hg_fork_stops(context->hg_class, "HG_Event_get_wait_fd"))
        return -1;
    return context->epoll_fd;
}

bool HG_Event_ready(hg_context_t *context)
{
    uint64_t now_ns;
    uint64_t next_ns;
    bool ready;

    if (context == NULL)
        return false;
    if (hg_fork_stops(context->hg_class, "HG_Event_ready"))
        return true; /* HG_Event_progress says what is wrong */
    util_lock_take(&context->lock);
    hg_progress_flush_locked(context);
    now_ns = util_clock_now_ns();
    context->about_old = true;
    next_ns = progress_next_ns(context, now_ns);
    ready =
        !util_list_empty(&context->ready) || next_ns <= now_ns || context->epoll_fd < 0 || hg_stats_signal_pending();
    if (!ready)
        progress_set_timer_fd(context, next_ns);
    /* A thread asleep in HG_Progress has armed the descriptor already, and only that thread disarms it. */
    if (!ready && !context->progressing)
        ready = !progress_arm(context, next_ns);
    util_lock_drop(&context->lock);
    return ready;
}

hg_return_t HG_Event_progress(hg_context_t *context, unsigned int *count_p)
{
    if (hg_fork_stops_context(context, "HG_Event_progress"))
        return HG_FAULT;
    if (context == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Event_progress: a NULL argument");
    util_lock_take(&context->lock);
    if (context->about_old)
        context->about_ns = util_clock_now_ns();
    context->about_old = false;
    if (!context->progressing)
        progress_disarm(context);
    if (context->timer_fd >= 0)
        progress_set_timer_fd(context, UINT64_MAX);
    context->lazy_turns = 0;
    (void)hg_progress_turn_locked(context);
    hg_flusher_check_locked(context);
    if (count_p != NULL)
        *count_p = context->ready_count;
    util_lock_drop(&context->lock);
    return HG_SUCCESS;
}
