/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Peers as a class sees them, the callback on changes, and the circuit breaker.
 *
 * A change is told through the completion queue of the context that noticed it. There is one entry for each peer; changes
 * that come before it has run are folded into it, so that a peer which flaps costs no memory, and the last word is always
 * told. Any thread; the functions that need a context's lock say so.
 */

#include "hg/hg_peer.h"

#include <errno.h>

#include "hg/hg_addr.h"
#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_log.h"

/* The breaker's first rest, and the longest. They double, so that a peer is found again after an outage not later than that
 * lasted, about. */
#define PEER_REST_FIRST_NS (10U * UTIL_CLOCK_NS_PER_MS)
#define PEER_REST_MAX_NS   (30U * UTIL_CLOCK_NS_PER_S)

static const char *const peer_texts[] = {
    [QS_PEER_UNKNOWN] = "unknown", [QS_PEER_CONNECTING] = "connecting",
    [QS_PEER_ALIVE] = "alive",     [QS_PEER_SUSPECT] = "suspect",
    [QS_PEER_DEAD] = "dead",       [QS_PEER_REFUSING] = "refusing",
    [QS_PEER_LEAVING] = "leaving",
};

static void peer_run(struct hg_completion *completion);

void hg_peer_init(struct hg_peer *peer)
{
    atomic_init(&peer->state, QS_PEER_UNKNOWN);
    util_list_init(&peer->completion.link);
    peer->completion.run = peer_run;
    hg_tally_peer_init(&peer->tally);
}

/* --- what is seen from outside ----------------------------------------------------------------------- */

static enum qs_peer_state peer_state_locked(const struct hg_peer *peer)
{
    if (peer->suspect > 0)
        return QS_PEER_SUSPECT;
    if (peer->alive > peer->leaving)
        return QS_PEER_ALIVE;
    if (peer->leaving > 0)
        return QS_PEER_LEAVING;
    if (peer->failures >= HG_PEER_FAILURES_MAX)
        return QS_PEER_REFUSING;
    return peer->connecting > 0 ? QS_PEER_CONNECTING : peer->rest;
}

/* Whether the state is one that somebody should look at. */
static bool peer_in_trouble(enum qs_peer_state state)
{
    return state == QS_PEER_SUSPECT || state == QS_PEER_DEAD || state == QS_PEER_REFUSING;
}

/* What a change is to an operator; HG_EVENT_KINDS: nothing. A peer that has said that it leaves, and then ends, is no news. */
static enum hg_event peer_event(enum qs_peer_state before, enum qs_peer_state after)
{
    switch (after) {
    case QS_PEER_SUSPECT:
        return HG_EVENT_PEER_SUSPECT;
    case QS_PEER_DEAD:
        return before == QS_PEER_LEAVING ? HG_EVENT_KINDS : HG_EVENT_PEER_DEAD;
    case QS_PEER_REFUSING:
        return HG_EVENT_PEER_REFUSING;
    case QS_PEER_LEAVING:
        return HG_EVENT_PEER_LEAVING;
    case QS_PEER_ALIVE:
        return peer_in_trouble(before) ? HG_EVENT_PEER_BACK : HG_EVENT_KINDS;
    case QS_PEER_UNKNOWN:
    case QS_PEER_CONNECTING:
        break;
    }
    return HG_EVENT_KINDS;
}

/* Tells the log of a change. */
static void peer_log(struct hg_addr *addr, enum qs_peer_state before, enum qs_peer_state after, const char *reason)
{
    enum hg_event event = peer_event(before, after);

    if (event != HG_EVENT_KINDS)
        hg_event(addr->hg_class, addr, event, "%s, was %s: %s", peer_texts[after], peer_texts[before], reason);
    else
        UTIL_LOG_INFO(UTIL_LOG_AREA_SESSION, "%s: %s, was %s: %s", addr->text, peer_texts[after], peer_texts[before],
                      reason);
}

/* Makes known what has changed. Under both locks. */
static void peer_publish_locked(struct hg_context *context, struct hg_addr *addr, const char *reason)
{
    struct hg_peer *peer = &addr->peer;
    enum qs_peer_state before = atomic_load_explicit(&peer->state, memory_order_relaxed);
    enum qs_peer_state after = peer_state_locked(peer);

    if (after == before)
        return;
    /* Relaxed: nothing else is learnt by it. */
    atomic_store_explicit(&peer->state, after, memory_order_relaxed);
    peer->reason = reason;
    peer_log(addr, before, after, reason);
    if (peer->queued)
        return;
    if (addr->hg_class->peer_callback == NULL) {
        peer->told = after;
        return;
    }
    peer->queued = true;
    hg_addr_ref(addr);
    hg_queue_push_locked(context, &peer->completion);
}

/* From HG_Trigger: tells what the peer is now. */
static void peer_run(struct hg_completion *completion)
{
    struct hg_peer *peer = util_container_of(completion, struct hg_peer, completion);
    struct hg_addr *addr = util_container_of(peer, struct hg_addr, peer);
    struct hg_class *hg_class = addr->hg_class;
    struct qs_peer_change change = {.addr = addr};
    qs_peer_cb_t callback;
    void *arg;

    util_lock_take(&hg_class->peer_lock);
    change.before = peer->told;
    change.after = atomic_load_explicit(&peer->state, memory_order_relaxed);
    change.reason = peer->reason;
    peer->told = change.after;
    peer->queued = false;
    callback = hg_class->peer_callback;
    arg = hg_class->peer_callback_arg;
    util_lock_drop(&hg_class->peer_lock);
    if (callback != NULL && change.before != change.after)
        callback(&change, arg);
    hg_addr_unref(addr);
}

/* --- what sessions tell ------------------------------------------------------------------------------- */

static void peer_count_locked(struct hg_peer *peer, enum qs_peer_state state, uint32_t change)
{
    if (state == QS_PEER_CONNECTING)
        peer->connecting += change;
    else if (state == QS_PEER_ALIVE)
        peer->alive += change;
    else if (state == QS_PEER_SUSPECT)
        peer->suspect += change;
}

/* An attempt has succeeded. */
static void peer_close_breaker(struct hg_addr *addr)
{
    struct hg_peer *peer = &addr->peer;

    if (peer->rests > 0)
        hg_event(addr->hg_class, addr, HG_EVENT_BREAKER_CLOSED, "it takes connections again");
    peer->failures = 0;
    peer->rests = 0;
}

void hg_peer_move(struct hg_context *context, struct hg_addr *addr, enum qs_peer_state from, enum qs_peer_state to,
                  const char *reason)
{
    struct hg_peer *peer = &addr->peer;

    util_lock_assert_held(&context->lock);
    util_lock_take(&addr->hg_class->peer_lock);
    peer_count_locked(peer, from, UINT32_MAX);
    peer_count_locked(peer, to, 1);
    peer->tally.suspicions += to == QS_PEER_SUSPECT;
    if (to == QS_PEER_ALIVE) {
        peer->tally.connections += from != QS_PEER_SUSPECT;
        peer_close_breaker(addr);
    }
    peer_publish_locked(context, addr, reason);
    util_lock_drop(&addr->hg_class->peer_lock);
}

void hg_peer_leaving(struct hg_context *context, struct hg_addr *addr)
{
    util_lock_assert_held(&context->lock);
    util_lock_take(&addr->hg_class->peer_lock);
    addr->peer.leaving++;
    peer_publish_locked(context, addr, "it takes no new requests");
    util_lock_drop(&addr->hg_class->peer_lock);
}

void hg_peer_leaving_ends(struct hg_addr *addr)
{
    util_lock_take(&addr->hg_class->peer_lock);
    addr->peer.leaving--;
    util_lock_drop(&addr->hg_class->peer_lock);
}

void hg_peer_leave(struct hg_context *context, struct hg_addr *addr, enum qs_peer_state from, enum qs_peer_state rest,
                   const char *reason)
{
    struct hg_peer *peer = &addr->peer;

    util_lock_assert_held(&context->lock);
    util_lock_take(&addr->hg_class->peer_lock);
    peer_count_locked(peer, from, UINT32_MAX);
    peer->tally.connections_ended++;
    peer->rest = rest;
    peer_publish_locked(context, addr, reason);
    util_lock_drop(&addr->hg_class->peer_lock);
}

/* --- the circuit breaker ------------------------------------------------------------------------------- */

/* How long nobody tries after so many rests: 10 ms, doubled each time, up to what the class allows. */
static uint64_t peer_rest_ns(const struct hg_class *hg_class, uint32_t rests)
{
    uint64_t max_us = atomic_load_explicit(&hg_class->breaker_max_us, memory_order_relaxed);
    uint64_t rest_ns = rests < 12 ? PEER_REST_FIRST_NS << rests : PEER_REST_MAX_NS;

    if (rest_ns > PEER_REST_MAX_NS)
        rest_ns = PEER_REST_MAX_NS;
    return rest_ns / UTIL_CLOCK_NS_PER_US < max_us ? rest_ns : max_us * UTIL_CLOCK_NS_PER_US;
}

/* The peer has refused once too often. */
static void peer_open_breaker(struct hg_addr *addr)
{
    struct hg_peer *peer = &addr->peer;
    uint64_t rest_ns = peer_rest_ns(addr->hg_class, peer->rests);

    peer->until_ns = util_clock_now_ns() + rest_ns;
    peer->rests++;
    if (rest_ns > 0)
        hg_event(addr->hg_class, addr, HG_EVENT_BREAKER_OPENED,
                 "%u connection attempts or more have failed in a row: calls with a circuit breaker fail for %llu ms",
                 HG_PEER_FAILURES_MAX, (unsigned long long)(rest_ns / UTIL_CLOCK_NS_PER_MS));
}

void hg_peer_failed(struct hg_context *context, struct hg_addr *addr, const char *reason)
{
    struct hg_peer *peer = &addr->peer;

    util_lock_assert_held(&context->lock);
    util_lock_take(&addr->hg_class->peer_lock);
    peer_count_locked(peer, QS_PEER_CONNECTING, UINT32_MAX);
    if (peer->failures < HG_PEER_FAILURES_MAX)
        peer->failures++;
    peer->tally.connections_failed++;
    if (peer->failures == HG_PEER_FAILURES_MAX)
        peer_open_breaker(addr);
    peer_publish_locked(context, addr, reason);
    util_lock_drop(&addr->hg_class->peer_lock);
}

int hg_peer_admit(struct hg_addr *addr, bool bounded)
{
    struct hg_class *hg_class = addr->hg_class;
    const struct hg_peer *peer = &addr->peer;
    uint64_t max_us;
    bool open;

    /* Relaxed: who has not seen the last failure yet tries once more. */
    if (atomic_load_explicit(&peer->state, memory_order_relaxed) != QS_PEER_REFUSING)
        return 0;
    max_us = atomic_load_explicit(&hg_class->breaker_max_us, memory_order_relaxed);
    if (max_us == 0 || (max_us == HG_PEER_BREAKER_DEFAULT && !bounded))
        return 0;
    util_lock_take(&hg_class->peer_lock);
    /* One attempt at a time, and none while the breaker rests. */
    open = peer->failures == HG_PEER_FAILURES_MAX && (peer->connecting > 0 || util_clock_now_ns() < peer->until_ns);
    util_lock_drop(&hg_class->peer_lock);
    if (!open)
        return 0;
    return util_detail_set(-EHOSTUNREACH, "%s has refused %u connections in a row and is left alone for a while",
                           addr->text, HG_PEER_FAILURES_MAX);
}

/* --- the public side ------------------------------------------------------------------------------------- */

enum qs_peer_state qs_peer_state(const hg_class_t *hg_class, hg_addr_t addr)
{
    if (hg_class == NULL || addr == NULL || addr->hg_class != hg_class || hg_fork_stops(hg_class, "qs_peer_state"))
        return QS_PEER_UNKNOWN;
    if (addr->self)
        return QS_PEER_ALIVE;
    return atomic_load_explicit(&addr->peer.state, memory_order_relaxed);
}

const char *qs_peer_state_text(enum qs_peer_state state)
{
    return (unsigned int)state < sizeof(peer_texts) / sizeof(peer_texts[0]) ? peer_texts[state] : "no state of a peer";
}

hg_return_t qs_class_set_peer_callback(hg_class_t *hg_class, qs_peer_cb_t callback, void *arg)
{
    if (hg_fork_stops(hg_class, "qs_class_set_peer_callback"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_peer_callback: a NULL argument");
    util_lock_take(&hg_class->peer_lock);
    hg_class->peer_callback = callback;
    hg_class->peer_callback_arg = arg;
    util_lock_drop(&hg_class->peer_lock);
    return HG_SUCCESS;
}

hg_return_t qs_class_set_breaker(hg_class_t *hg_class, uint64_t rest_max_us)
{
    if (hg_fork_stops(hg_class, "qs_class_set_breaker"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_breaker: a NULL argument");
    if (rest_max_us == HG_PEER_BREAKER_DEFAULT)
        rest_max_us--; /* as good */
    atomic_store_explicit(&hg_class->breaker_max_us, rest_max_us, memory_order_relaxed);
    return HG_SUCCESS;
}
