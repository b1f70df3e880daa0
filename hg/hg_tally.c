/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The tables of counts, and what programs read of them. A table's places are all `none` at first, whose counts stand still, so
 * that the way of an ordinary call needs no test of its own for a place that is not taken yet.
 */

#include "hg/hg_tally.h"

#include <string.h>

#include "hg/hg_addr.h"
#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_session.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"

/* Places of a table at first. */
#define TALLY_FIRST 16U
/* Sessions that are looked at under one hold of a lock. */
#define TALLY_SLICE 128U

/* --- tables ----------------------------------------------------------------------------------------------- */

void hg_tally_init(struct hg_tally *tally, const struct hg_class *hg_class)
{
    *tally = (struct hg_tally){.hg_class = hg_class};
}

static void tally_rpc_destroy(struct hg_tally_rpc *rpc)
{
    if (rpc == NULL)
        return;
    hg_tally_sum_fini(rpc);
    util_free(rpc);
}

void hg_tally_fini(struct hg_tally *tally)
{
    for (uint32_t i = 0; i < tally->count; i++)
        if (tally->rpcs[i] != &tally->none)
            tally_rpc_destroy(tally->rpcs[i]);
    util_free(tally->rpcs);
    tally->rpcs = NULL;
    tally->count = 0;
}

static bool tally_grow(struct hg_tally *tally, uint32_t number)
{
    uint32_t count = tally->count == 0 ? TALLY_FIRST : tally->count;
    struct hg_tally_rpc **rpcs;

    if (number < tally->count)
        return true;
    while (count <= number)
        count *= 2;
    rpcs = util_realloc(tally->rpcs, count * sizeof(struct hg_tally_rpc *));
    if (rpcs == NULL)
        return false;
    for (uint32_t i = tally->count; i < count; i++)
        rpcs[i] = &tally->none;
    tally->rpcs = rpcs;
    tally->count = count;
    return true;
}

/* The place of an RPC, taken; NULL: no memory. */
static struct hg_tally_rpc *tally_place(struct hg_tally *tally, uint32_t number)
{
    struct hg_tally_rpc *own;

    if (!tally_grow(tally, number))
        return NULL;
    if (tally->rpcs[number] != &tally->none)
        return tally->rpcs[number];
    own = util_calloc(1, sizeof(*own));
    if (own != NULL)
        tally->rpcs[number] = own;
    return own;
}

struct hg_tally_rpc *hg_tally_get(struct hg_tally *tally, const struct hg_rpc *rpc)
{
    struct hg_tally_rpc *own = tally_place(tally, rpc->number);

    if (own == NULL) {
        tally->none = (struct hg_tally_rpc){0};
        return &tally->none;
    }
    return own;
}

const struct hg_tally_rpc *hg_tally_find(const struct hg_tally *tally, uint32_t number)
{
    return number < tally->count && tally->rpcs[number] != &tally->none ? tally->rpcs[number] : NULL;
}

void hg_tally_sum_fini(struct hg_tally_rpc *sum)
{
    for (unsigned int i = 0; i < HG_TALLY_SIDES; i++)
        util_hist_fini(&sum->calls[i].hist);
}

static void tally_sum_calls(struct hg_tally_calls *sum, const struct hg_tally_calls *more)
{
    sum->count += more->count;
    if (more->hist.buckets == NULL || (sum->hist.buckets == NULL && util_hist_init_coarse(&sum->hist) != 0))
        return;
    sum->samples += more->samples;
    util_hist_merge(&sum->hist, &more->hist);
}

void hg_tally_sum(struct hg_tally_rpc *sum, const struct hg_tally_rpc *more)
{
    for (unsigned int i = 0; i < HG_TALLY_SIDES; i++)
        tally_sum_calls(&sum->calls[i], &more->calls[i]);
    for (unsigned int i = 0; i < sizeof(sum->failed) / sizeof(sum->failed[0]); i++)
        sum->failed[i] += more->failed[i];
    sum->retries += more->retries;
    sum->timeouts += more->timeouts;
    sum->cancels += more->cancels;
    sum->expired += more->expired;
    sum->withdrawn += more->withdrawn;
    sum->cancelled += more->cancelled;
    sum->repeats += more->repeats;
    sum->refused += more->refused;
}

void hg_tally_add(struct hg_tally *into, const struct hg_tally *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct hg_tally_rpc *more = hg_tally_find(from, i);
        struct hg_tally_rpc *sum = more != NULL ? tally_place(into, i) : NULL;

        if (sum != NULL)
            hg_tally_sum(sum, more);
    }
}

/* --- calls ------------------------------------------------------------------------------------------------ */

/* The call that begins now is measured, unless the class measures none. */
static void tally_sample(const struct hg_class *hg_class, struct hg_tally_calls *calls, struct hg_tally_sample *sample,
                         uint64_t now_ns)
{
    /* Relaxed: what it says is looked at again with each sample. */
    enum qs_histograms histograms = atomic_load_explicit(&hg_class->histograms, memory_order_relaxed);

    if (histograms == QS_HISTOGRAMS_OFF) {
        calls->next = UINT64_MAX; /* until qs_class_set_histograms() */
        return;
    }
    sample->calls = calls;
    sample->weight = calls->count + 1 - calls->from;
    sample->begun_ns = now_ns != 0 ? now_ns : util_clock_now_ns();
    calls->from = calls->count + 1;
    calls->next = calls->from;
    if (histograms == QS_HISTOGRAMS_SAMPLED && calls->from >= HG_TALLY_FIRST)
        calls->next += HG_TALLY_PERIOD - 1;
}

void hg_tally_begin_slow(struct hg_tally *tally, const struct hg_rpc *rpc, enum hg_tally_side side,
                         struct hg_tally_sample *sample, uint64_t now_ns)
{
    struct hg_tally_rpc *own = tally_place(tally, rpc->number);
    struct hg_tally_calls *calls;

    if (own == NULL)
        return; /* not counted */
    calls = &own->calls[side];
    if (calls->count >= calls->next)
        tally_sample(tally->hg_class, calls, sample, now_ns);
    calls->count++;
}

void hg_tally_end_slow(struct hg_tally_sample *sample)
{
    struct hg_tally_calls *calls = sample->calls;
    uint64_t now_ns = util_clock_now_ns();

    sample->calls = NULL;
    if (calls->hist.buckets == NULL && util_hist_init_coarse(&calls->hist) != 0)
        return;
    calls->samples++;
    util_hist_record_many(&calls->hist, now_ns > sample->begun_ns ? now_ns - sample->begun_ns : 0, sample->weight);
}

void hg_tally_undo(struct hg_tally *tally, const struct hg_rpc *rpc, enum hg_tally_side side,
                   struct hg_tally_sample *sample)
{
    struct hg_tally_calls *calls = &hg_tally_get(tally, rpc)->calls[side];

    sample->calls = NULL;
    if (calls->count > 0)
        calls->count--;
}

void hg_tally_not_run(struct hg_tally *tally, const struct hg_rpc *rpc, struct hg_tally_sample *sample, hg_return_t ret)
{
    struct hg_tally_rpc *own = hg_tally_get(tally, rpc);

    hg_tally_undo(tally, rpc, HG_TALLY_TARGET, sample);
    if (ret == HG_TIMEOUT)
        own->expired++;
    else if (ret == HG_CANCELED)
        own->withdrawn++;
    else
        own->refused++;
}

void hg_tally_failed(struct hg_tally *tally, const struct hg_rpc *rpc, struct hg_addr *addr, hg_return_t ret,
                     enum qs_outcome outcome)
{
    struct hg_tally_rpc *own = hg_tally_get(tally, rpc);
    struct hg_tally_peer *peer = &addr->peer.tally;

    own->failed[outcome]++;
    own->timeouts += ret == HG_TIMEOUT;
    own->cancels += ret == HG_CANCELED;
    /* Relaxed, as everywhere here: nothing else is learnt by them. Several contexts may be at it. */
    atomic_fetch_add_explicit(&peer->failures, 1, memory_order_relaxed);
    if (ret == HG_TIMEOUT)
        atomic_fetch_add_explicit(&peer->timeouts, 1, memory_order_relaxed);
    if (ret == HG_CANCELED)
        atomic_fetch_add_explicit(&peer->cancels, 1, memory_order_relaxed);
}

void hg_tally_retried(struct hg_tally *tally, const struct hg_rpc *rpc, struct hg_addr *addr)
{
    hg_tally_get(tally, rpc)->retries++;
    atomic_fetch_add_explicit(&addr->peer.tally.retries, 1, memory_order_relaxed);
}

/* --- what programs read ------------------------------------------------------------------------------------ */

void hg_tally_read(struct hg_class *hg_class, uint32_t number, struct hg_tally_rpc *sum)
{
    const struct hg_tally_rpc *more;

    util_lock_take(&hg_class->context_lock);
    more = hg_tally_find(&hg_class->closed_tally, number);
    if (more != NULL)
        hg_tally_sum(sum, more);
    for (unsigned int i = 0; i < NA_CONTEXTS_MAX; i++) {
        struct hg_context *context = hg_context_by_id(hg_class, (uint8_t)i);

        if (context == NULL)
            continue;
        util_lock_take(&context->lock);
        more = hg_tally_find(&context->tally, number);
        if (more != NULL)
            hg_tally_sum(sum, more);
        util_lock_drop(&context->lock);
    }
    util_lock_drop(&hg_class->context_lock);
}

static struct qs_latency tally_latency(const struct hg_tally_calls *calls)
{
    const struct util_hist *hist = &calls->hist;

    if (hist->buckets == NULL)
        return (struct qs_latency){0};
    return (struct qs_latency){
        .count = util_hist_count(hist),
        .samples = calls->samples,
        .min_ns = util_hist_min(hist),
        .mean_ns = (uint64_t)util_hist_mean(hist),
        .p50_ns = util_hist_percentile(hist, 50.0, NULL),
        .p90_ns = util_hist_percentile(hist, 90.0, NULL),
        .p99_ns = util_hist_percentile(hist, 99.0, NULL),
        .p999_ns = util_hist_percentile(hist, 99.9, NULL),
        .max_ns = util_hist_max(hist),
    };
}

void hg_tally_show(const struct hg_tally_rpc *sum, struct qs_rpc_counters *out)
{
    *out = (struct qs_rpc_counters){
        .calls = sum->calls[HG_TALLY_ORIGIN].count,
        .attempts = sum->calls[HG_TALLY_ORIGIN].count + sum->retries,
        .retries = sum->retries,
        .timeouts = sum->timeouts,
        .cancels = sum->cancels,
        .failed_unknown = sum->failed[QS_OUTCOME_UNKNOWN],
        .failed_not_sent = sum->failed[QS_OUTCOME_NOT_SENT],
        .failed_not_executed = sum->failed[QS_OUTCOME_NOT_EXECUTED],
        .failed_executed = sum->failed[QS_OUTCOME_EXECUTED],
        .call_latency = tally_latency(&sum->calls[HG_TALLY_ORIGIN]),
        .requests = sum->calls[HG_TALLY_TARGET].count,
        .expired = sum->expired,
        .withdrawn = sum->withdrawn,
        .cancelled = sum->cancelled,
        .repeats = sum->repeats,
        .refused = sum->refused,
        .handler_latency = tally_latency(&sum->calls[HG_TALLY_TARGET]),
    };
}

hg_return_t qs_registered_get_counters(const hg_class_t *hg_class, hg_id_t id, struct qs_rpc_counters *out,
                                       size_t out_size)
{
    /* Counts are read under locks; the caller's class is constant to him. */
    struct hg_class *own = (struct hg_class *)(uintptr_t)hg_class;
    struct hg_tally_rpc sum = {0};
    struct qs_rpc_counters counters;
    const struct hg_rpc *rpc;

    if (hg_fork_stops(hg_class, "qs_registered_get_counters"))
        return HG_FAULT;
    if (hg_class == NULL || out == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_registered_get_counters: a NULL argument");
    rpc = hg_rpc_find(&own->rpcs, id);
    if (rpc == NULL)
        return hg_error_set(HG_NOENTRY, "qs_registered_get_counters: RPC id %#llx is not registered",
                            (unsigned long long)id);
    hg_tally_read(own, rpc->number, &sum);
    hg_tally_show(&sum, &counters);
    hg_tally_sum_fini(&sum);
    memset(out, 0, out_size);
    memcpy(out, &counters, out_size < sizeof(counters) ? out_size : sizeof(counters));
    return HG_SUCCESS;
}

/* What was decided by the former setting is decided anew with the next call. */
static void tally_reset_samples(struct hg_context *context, void *arg)
{
    struct hg_tally *tally = &context->tally;

    (void)arg;
    for (uint32_t i = 0; i < tally->count; i++) {
        for (unsigned int side = 0; side < HG_TALLY_SIDES; side++) {
            struct hg_tally_calls *calls = &tally->rpcs[i]->calls[side];

            calls->next = calls->count;
            calls->from = calls->count;
        }
    }
}

hg_return_t qs_class_set_histograms(hg_class_t *hg_class, enum qs_histograms histograms)
{
    if (hg_fork_stops(hg_class, "qs_class_set_histograms"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_histograms: a NULL argument");
    if ((unsigned int)histograms > QS_HISTOGRAMS_ALL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_histograms: there is no setting %d", (int)histograms);
    atomic_store_explicit(&hg_class->histograms, histograms, memory_order_relaxed);
    hg_context_each(hg_class, tally_reset_samples, NULL);
    return HG_SUCCESS;
}

/* --- peers ------------------------------------------------------------------------------------------------ */

void hg_tally_peer_init(struct hg_tally_peer *peer)
{
    util_list_init(&peer->sessions);
}

static uint64_t tally_load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* The shorter of two times, of which 0 is none. */
static uint64_t tally_shorter(uint64_t one_ns, uint64_t other_ns)
{
    return one_ns == 0 || (other_ns != 0 && other_ns < one_ns) ? other_ns : one_ns;
}

/* Adds what a session has counted. */
static void tally_peer_add(struct hg_tally_peer *sum, const struct hg_tally_session *session)
{
    uint64_t heard_ns = tally_load(&session->heard_ns);
    uint64_t rtt_last_ns = tally_load(&session->rtt_last_ns);

    sum->calls += tally_load(&session->calls);
    sum->requests += tally_load(&session->requests);
    sum->stale_replies += tally_load(&session->stale_replies);
    sum->rtt_ns = tally_shorter(sum->rtt_ns, tally_load(&session->rtt_ns));
    if (rtt_last_ns != 0)
        sum->rtt_last_ns = rtt_last_ns;
    if (heard_ns > sum->heard_ns)
        sum->heard_ns = heard_ns;
}

/* Says how full the windows of a few sessions are; false: there are no more. The lock is held for these few only. */
static bool tally_refresh_some(struct hg_class *hg_class, uint8_t id, uint32_t first)
{
    struct hg_context *context;
    uint32_t count = 0;

    util_lock_take(&hg_class->context_lock);
    context = hg_context_by_id(hg_class, id);
    if (context != NULL) {
        util_lock_take(&context->lock);
        count = context->session_slot_count;
        for (uint32_t i = first; i < count && i < first + TALLY_SLICE; i++) {
            struct hg_session *session = context->session_slots[i];

            if (session == NULL)
                continue;
            atomic_store_explicit(&session->tally.window_used, session->requests_sent - session->requests_taken,
                                  memory_order_relaxed);
            atomic_store_explicit(&session->tally.window, session->window, memory_order_relaxed);
        }
        util_lock_drop(&context->lock);
    }
    util_lock_drop(&hg_class->context_lock);
    return first + TALLY_SLICE < count;
}

void hg_tally_refresh(struct hg_class *hg_class)
{
    for (unsigned int id = 0; id < NA_CONTEXTS_MAX; id++) {
        uint32_t first = 0;

        if (hg_context_by_id(hg_class, (uint8_t)id) == NULL)
            continue;
        while (tally_refresh_some(hg_class, (uint8_t)id, first))
            first += TALLY_SLICE;
    }
}

void hg_tally_join(struct hg_session *session)
{
    struct hg_addr *addr = session->addr;

    util_list_init(&session->tally.link);
    util_lock_take(&addr->hg_class->peer_lock);
    util_list_push(&addr->peer.tally.sessions, &session->tally.link);
    util_lock_drop(&addr->hg_class->peer_lock);
}

void hg_tally_leave(struct hg_session *session)
{
    struct hg_addr *addr = session->addr;

    util_lock_take(&addr->hg_class->peer_lock);
    util_list_remove(&session->tally.link);
    tally_peer_add(&addr->peer.tally, &session->tally);
    util_lock_drop(&addr->hg_class->peer_lock);
}

void hg_tally_peer_read(struct hg_addr *addr, struct qs_peer_counters *out)
{
    struct hg_class *hg_class = addr->hg_class;
    struct hg_tally_peer *peer = &addr->peer.tally;
    struct hg_tally_peer sum;
    uint64_t now_ns = util_clock_now_ns();

    *out = (struct qs_peer_counters){0};
    util_lock_take(&hg_class->peer_lock);
    sum = (struct hg_tally_peer){.calls = peer->calls,
                                 .requests = peer->requests,
                                 .stale_replies = peer->stale_replies,
                                 .heard_ns = peer->heard_ns,
                                 .rtt_ns = peer->rtt_ns,
                                 .rtt_last_ns = peer->rtt_last_ns};
    util_list_each (node, &peer->sessions) {
        struct hg_tally_session *session = util_container_of(node, struct hg_tally_session, link);

        tally_peer_add(&sum, session);
        out->sessions++;
        out->window += atomic_load_explicit(&session->window, memory_order_relaxed);
        out->window_used += atomic_load_explicit(&session->window_used, memory_order_relaxed);
    }
    out->connections = peer->connections;
    out->connections_ended = peer->connections_ended;
    out->connections_failed = peer->connections_failed;
    out->suspicions = peer->suspicions;
    util_lock_drop(&hg_class->peer_lock);
    out->calls = sum.calls;
    out->retries = tally_load(&peer->retries);
    out->attempts = out->calls + out->retries;
    out->timeouts = tally_load(&peer->timeouts);
    out->cancels = tally_load(&peer->cancels);
    out->failures = tally_load(&peer->failures);
    out->requests = sum.requests;
    out->stale_replies = sum.stale_replies;
    out->rtt_ns = sum.rtt_ns;
    out->rtt_last_ns = sum.rtt_last_ns;
    out->heard_ns_ago = sum.heard_ns == 0 ? UINT64_MAX : (now_ns > sum.heard_ns ? now_ns - sum.heard_ns : 0);
    out->state = (uint64_t)(addr->self ? QS_PEER_ALIVE : atomic_load_explicit(&addr->peer.state, memory_order_relaxed));
}

hg_return_t qs_peer_get_counters(const hg_class_t *hg_class, hg_addr_t addr, struct qs_peer_counters *out,
                                 size_t out_size)
{
    struct qs_peer_counters counters;

    if (hg_fork_stops(hg_class, "qs_peer_get_counters"))
        return HG_FAULT;
    if (hg_class == NULL || addr == HG_ADDR_NULL || out == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_peer_get_counters: a NULL argument");
    if (addr->hg_class != hg_class)
        return hg_error_set(HG_INVALID_ARG, "qs_peer_get_counters: %s belongs to another class", addr->text);
    hg_tally_refresh((struct hg_class *)(uintptr_t)hg_class);
    hg_tally_peer_read(addr, &counters);
    memset(out, 0, out_size);
    memcpy(out, &counters, out_size < sizeof(counters) ? out_size : sizeof(counters));
    return HG_SUCCESS;
}
