/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The timer of a session, its pings, and what follows from silence.
 *
 * The timer counts looks, and not time, towards suspicion: a process that was itself stopped for a minute looks once when
 * it comes back, after everything that has arrived meanwhile was received (hg_progress.c), and finds its peers alive.
 *
 * Pings go where frames go. Where one of them still waits for the transport, no further one is added: the peer is silent
 * all the same. Without connections a ping is accompanied by our hello, so that a process which took the place of the
 * peer knows whom to answer.
 */

#include "hg/hg_liveness.h"

#include <errno.h>

#include "bulk/bulk_env.h"
#include "hg/hg_addr.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_header.h"
#include "hg/hg_missing.h"
#include "hg/hg_progress.h"
#include "hg/hg_session.h"
#include "util/util_clock.h"
#include "util/util_log.h"

/* The silence after which a ping goes out, unless the class says otherwise: where the transport tells of a peer's end by
 * itself, and where it only finds out by sending. */
#define LIVENESS_INTERVAL_NS         (1000U * UTIL_CLOCK_NS_PER_MS)
#define LIVENESS_INTERVAL_SENDING_NS (500U * UTIL_CLOCK_NS_PER_MS)
#define LIVENESS_INTERVAL_MIN_US     (10U * 1000U)
#define LIVENESS_INTERVAL_MAX_US     (UINT64_C(3600) * 1000U * 1000U)
#define LIVENESS_PINGS               3U
#define LIVENESS_PINGS_MAX           1000U
/* In round-trip times, the shortest interval. */
#define LIVENESS_ROUND_TRIPS 4U
/* Looks of the timer in an interval. */
#define LIVENESS_LOOKS 2U
/* A transfer that stands still gets so much quiet, in which its device may do something about it (measured with soft-RoCE: with something
 * said each second, reads of which packets were lost stood for more than 40 s in 3 runs of 20; with this, see docs/rdma.md). */
#define LIVENESS_HUSH_NS (5U * UTIL_CLOCK_NS_PER_S)
/* Old sessions that are looked at for each new one. */
#define LIVENESS_SWEEP 2U

void hg_liveness_options_init(struct hg_liveness_options *options)
{
    atomic_init(&options->interval_us, 0);
    atomic_init(&options->count, LIVENESS_PINGS);
    atomic_init(&options->limit_us, 0);
}

/* --- the timer --------------------------------------------------------------------------------------- */

static struct hg_liveness_options *liveness_options(const struct hg_session *session)
{
    return &session->context->hg_class->liveness;
}

static uint64_t liveness_interval_ns(const struct hg_session *session)
{
    uint64_t interval_us = atomic_load_explicit(&liveness_options(session)->interval_us, memory_order_relaxed);
    uint64_t least_ns = session->liveness.rtt_ns * LIVENESS_ROUND_TRIPS;
    uint64_t interval_ns = interval_us * UTIL_CLOCK_NS_PER_US;

    if (interval_us == 0)
        interval_ns = session->port->limits->death_notice ? LIVENESS_INTERVAL_NS : LIVENESS_INTERVAL_SENDING_NS;
    return interval_ns > least_ns ? interval_ns : least_ns;
}

static void liveness_arm(struct hg_session *session, uint64_t now_ns)
{
    struct hg_context *context = session->context;
    uint64_t deadline_ns = now_ns + liveness_interval_ns(session) / LIVENESS_LOOKS;

    util_timer_arm(&context->wheel, &session->liveness.timer, deadline_ns);
    context->lazy_timers++;
    /* A thread that sleeps on a later time must wake earlier. Relaxed: both are written under the lock we hold. */
    if (atomic_load_explicit(&context->armed, memory_order_relaxed) && deadline_ns < context->armed_until_ns)
        na_wake(context->na);
}

void hg_liveness_watch(struct hg_session *session)
{
    struct hg_liveness *liveness = &session->liveness;

    if (util_timer_armed(&liveness->timer) || session->state != HG_SESSION_OPEN)
        return;
    liveness->heard = false;
    liveness->quiet = 0;
    liveness->quiet_ns = util_clock_now_ns();
    liveness_arm(session, liveness->quiet_ns);
}

/* Whether anything ends only when the peer does something, or has ended: also what is answered by nobody, but has not left yet. */
static bool liveness_waits(const struct hg_session *session)
{
    return hg_session_waits(session) || !util_list_empty(&session->waiting_responses) ||
           !util_list_empty(&session->leaving) || bulk_env_uses_route(&session->context->bulk, session->route);
}

/* --- silence ------------------------------------------------------------------------------------------- */

static void liveness_move(struct hg_session *session, enum qs_peer_state to, const char *reason)
{
    struct hg_liveness *liveness = &session->liveness;
    enum qs_peer_state from = liveness->state;

    if (from == to)
        return;
    liveness->state = to;
    hg_peer_move(session->context, session->addr, from, to, reason);
}

/* Whether nothing is to be said now, for the sake of transfers of ours on the route that stand still. */
static bool liveness_hushes(struct hg_session *session, uint64_t now_ns)
{
    return session->port->limits->quiet_resend && bulk_lane_stands(&session->lane, now_ns) &&
           now_ns - session->liveness.spoke_ns < LIVENESS_HUSH_NS;
}

void hg_liveness_pinged(struct hg_session *session, const struct hg_header *header)
{
    uint64_t now_ns = util_clock_now_ns();

    if (liveness_hushes(session, now_ns))
        return;
    session->liveness.spoke_ns = now_ns;
    hg_session_pong(session, header->tag);
}

static void liveness_ping(struct hg_session *session, uint64_t now_ns)
{
    struct hg_liveness *liveness = &session->liveness;

    if (liveness_hushes(session, now_ns))
        return;
    liveness->unanswered++;
    if (session->outbox.refused != NULL || session->control_count > 0)
        return;
    liveness->spoke_ns = now_ns;
    liveness->pinged_ns = now_ns;
    liveness->pinged_sent = session->requests_sent;
    liveness->pinged_counts = true;
    if (!session->port->limits->connections)
        hg_session_repeat_hello(session); /* until the peer shows that it knows us still */
    session->context->counters.pings_sent++;
    hg_session_control(session, HG_MESSAGE_PING, now_ns);
}

void hg_liveness_ask(struct hg_session *session)
{
    if (session->state == HG_SESSION_OPEN)
        liveness_ping(session, util_clock_now_ns());
}

void hg_liveness_doubt(struct hg_session *session)
{
    if (session != NULL && !session->port->limits->death_notice)
        hg_liveness_ask(session);
}

/* Looks at one session, which goes behind all others. */
static void liveness_sweep_one(struct hg_session *session, const struct hg_port *port)
{
    util_list_remove(&session->link);
    util_list_push(&session->context->sessions, &session->link);
    if (session->port != port || !session->accepted || util_timer_armed(&session->liveness.timer))
        return;
    if (!session->liveness.heard)
        hg_liveness_ask(session);
    session->liveness.heard = false;
}

void hg_liveness_sweep(struct hg_port *port)
{
    struct util_list *sessions = &port->context->sessions;
    const struct util_list *first = util_list_first(sessions);

    if (port->limits->death_notice)
        return;
    for (unsigned int i = 0; i < LIVENESS_SWEEP; i++) {
        struct util_list *node = util_list_first(sessions);

        if (node == NULL || (i > 0 && node == first))
            return;
        liveness_sweep_one(util_container_of(node, struct hg_session, link), port);
    }
}

/* The peer has been silent for the class's limit, and pings have gone unanswered: its calls end. */
static bool liveness_is_over(const struct hg_session *session, uint64_t now_ns)
{
    const struct hg_liveness *liveness = &session->liveness;
    uint64_t limit_us = atomic_load_explicit(&liveness_options(session)->limit_us, memory_order_relaxed);

    return limit_us != 0 && liveness->state == QS_PEER_SUSPECT &&
           now_ns - liveness->quiet_ns >= limit_us * UTIL_CLOCK_NS_PER_US;
}

/* A look that found nothing. The session may have ended on return. */
static void liveness_quiet(struct hg_session *session, uint64_t now_ns)
{
    struct hg_liveness *liveness = &session->liveness;

    if (++liveness->quiet < LIVENESS_LOOKS)
        return;
    /* A connection that is not there yet has a limit of its own. */
    if (liveness->state == QS_PEER_CONNECTING && (!session->connected || session->outbox.refused != NULL))
        return;
    if (liveness->unanswered >= atomic_load_explicit(&liveness_options(session)->count, memory_order_relaxed))
        liveness_move(session, QS_PEER_SUSPECT, "pings are not answered");
    if (liveness_is_over(session, now_ns)) {
        liveness->end_state = QS_PEER_SUSPECT;
        liveness->end_reason = "it has been silent for longer than the limit";
        hg_session_end(session, -EHOSTUNREACH);
        return;
    }
    /* Until it is suspect at each look, then once in an interval. */
    if (liveness->state != QS_PEER_SUSPECT || liveness->quiet % LIVENESS_LOOKS == 0)
        liveness_ping(session, now_ns);
}

/* Whether the window has been closed since the last look, though the peer lives: requests may have been lost. */
static bool liveness_is_blocked(const struct hg_session *session)
{
    return !session->port->limits->connections && !util_list_empty(&session->waiting_requests) &&
           !hg_session_window_open(session) && session->liveness.looked_taken == session->requests_taken;
}

/* Something waits for the peer. The session may end. */
static void liveness_look(struct hg_session *session, uint64_t now_ns)
{
    struct hg_liveness *liveness = &session->liveness;
    bool blocked;

    liveness_arm(session, now_ns); /* first, or whatever is sent would start it anew */
    if (liveness->heard) {
        liveness->heard = false;
        liveness->quiet = 0;
        liveness->unanswered = 0;
        liveness->quiet_ns = now_ns;
        blocked = liveness_is_blocked(session);
        liveness->looked_taken = session->requests_taken;
        if (blocked)
            liveness_ping(session, now_ns);
    } else {
        liveness_quiet(session, now_ns);
    }
    /* Of connections the end is told, and what goes by them arrives, or ends them. */
    if (!session->port->limits->connections && session->state == HG_SESSION_OPEN && liveness->state == QS_PEER_ALIVE)
        hg_missing_look_locked(session);
}

static void liveness_fired(struct util_timer *timer)
{
    struct hg_liveness *liveness = util_container_of(timer, struct hg_liveness, timer);
    struct hg_session *session = util_container_of(liveness, struct hg_session, liveness);
    uint64_t now_ns = util_clock_now_ns();

    session->context->lazy_timers--;
    if (!liveness_waits(session))
        return;
    hg_progress_check_late_locked(session->context, timer->deadline_ns, now_ns);
    hg_session_ref(session);
    liveness_look(session, now_ns);
    hg_session_unref(session);
}

/* --- news ------------------------------------------------------------------------------------------------ */

void hg_liveness_init(struct hg_liveness *liveness)
{
    util_timer_init(&liveness->timer, liveness_fired);
    liveness->state = QS_PEER_UNKNOWN;
    liveness->end_state = QS_PEER_UNKNOWN;
}

void hg_liveness_connecting(struct hg_session *session)
{
    liveness_move(session, QS_PEER_CONNECTING, "it is being called");
}

void hg_liveness_alive(struct hg_session *session)
{
    session->liveness.unanswered = 0;
    liveness_move(session, QS_PEER_ALIVE, "it has been heard of");
}

void hg_liveness_leaving(struct hg_session *session)
{
    hg_peer_leaving(session->context, session->addr);
}

bool hg_liveness_was_met(const struct hg_session *session)
{
    return session->liveness.state == QS_PEER_ALIVE || session->liveness.state == QS_PEER_SUSPECT;
}

void hg_liveness_dead(struct hg_session *session, const char *reason)
{
    session->liveness.end_state = QS_PEER_DEAD;
    session->liveness.end_reason = reason;
    na_route_lost(session->route);
}

void hg_liveness_pong(struct hg_session *session, const struct hg_header *header)
{
    struct hg_liveness *liveness = &session->liveness;
    uint64_t rtt_ns;

    if (header->tag != liveness->pinged_ns || header->tag == 0)
        return;
    if (liveness->pinged_counts)
        hg_session_learn_received(session, liveness->pinged_sent, header->status);
    rtt_ns = util_clock_now_ns() - liveness->pinged_ns;
    liveness->pinged_ns = 0;
    /* The shortest is the network's; the others have the peer's own affairs in them. */
    if (liveness->rtt_ns == 0 || rtt_ns < liveness->rtt_ns)
        liveness->rtt_ns = rtt_ns;
    atomic_store_explicit(&session->tally.rtt_ns, liveness->rtt_ns, memory_order_relaxed);
    atomic_store_explicit(&session->tally.rtt_last_ns, rtt_ns, memory_order_relaxed);
}

static bool liveness_could_not_connect(int error)
{
    return error == -ECONNREFUSED || error == -EHOSTUNREACH || error == -ECONNRESET || error == -ETIMEDOUT;
}

void hg_liveness_end(struct hg_session *session, int error)
{
    struct hg_liveness *liveness = &session->liveness;
    enum qs_peer_state from = liveness->state;
    const char *reason = liveness->end_reason != NULL ? liveness->end_reason : "its session was ended";

    if (util_timer_armed(&liveness->timer)) {
        util_timer_disarm(&session->context->wheel, &liveness->timer);
        session->context->lazy_timers--;
    }
    liveness->state = QS_PEER_UNKNOWN;
    if (session->goaway)
        hg_peer_leaving_ends(session->addr);
    if (from == QS_PEER_CONNECTING && liveness_could_not_connect(error))
        hg_peer_failed(session->context, session->addr,
                       error == -ECONNREFUSED ? "it refuses connections" : "it cannot be reached");
    else if (from == QS_PEER_CONNECTING)
        hg_peer_move(session->context, session->addr, from, QS_PEER_UNKNOWN, reason);
    else if (from != QS_PEER_UNKNOWN)
        hg_peer_leave(session->context, session->addr, from, liveness->end_state, reason);
}

/* --- settings ----------------------------------------------------------------------------------------------- */

hg_return_t qs_class_set_ping(hg_class_t *hg_class, uint64_t interval_us, unsigned int count)
{
    if (hg_fork_stops(hg_class, "qs_class_set_ping"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_ping: a NULL argument");
    if (interval_us != 0 && (interval_us < LIVENESS_INTERVAL_MIN_US || interval_us > LIVENESS_INTERVAL_MAX_US))
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_ping: an interval of %llu us is not between %u and %llu",
                            (unsigned long long)interval_us, LIVENESS_INTERVAL_MIN_US,
                            (unsigned long long)LIVENESS_INTERVAL_MAX_US);
    if (count > LIVENESS_PINGS_MAX)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_ping: %u pings are more than %u", count, LIVENESS_PINGS_MAX);
    atomic_store_explicit(&hg_class->liveness.interval_us, interval_us, memory_order_relaxed);
    atomic_store_explicit(&hg_class->liveness.count, count == 0 ? LIVENESS_PINGS : count, memory_order_relaxed);
    return HG_SUCCESS;
}

hg_return_t qs_class_set_silence_limit(hg_class_t *hg_class, uint64_t limit_us)
{
    if (hg_fork_stops(hg_class, "qs_class_set_silence_limit"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_silence_limit: a NULL argument");
    if (limit_us >= UINT64_MAX / UTIL_CLOCK_NS_PER_US)
        limit_us = 0;
    atomic_store_explicit(&hg_class->liveness.limit_us, limit_us, memory_order_relaxed);
    return HG_SUCCESS;
}
