/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The attempts of a call. Between two of them a call is WAITING, without a session and without a tag, so that answers
 * to the attempt before find nobody.
 */

#include "hg/hg_retry.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "hg/hg_addr.h"
#include "hg/hg_cancel.h"
#include "hg/hg_context.h"
#include "hg/hg_deadline.h"
#include "hg/hg_error.h"
#include "hg/hg_fence.h"
#include "hg/hg_fork.h"
#include "hg/hg_forward.h"
#include "hg/hg_handle.h"
#include "hg/hg_left.h"
#include "hg/hg_overflow.h"
#include "hg/hg_progress.h"
#include "mercury.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_mutant.h"
#include "util/util_rand.h"

#define RETRY_ATTEMPTS_DEFAULT 3U
#define RETRY_PAUSE_DEFAULT_US 1000U
/* Peers that a context keeps something for before it looks for those that it can do without. */
#define RETRY_PEERS_MAX    4096U
#define RETRY_PAUSE_MAX_US 1000000U
/* Longer pauses than this are as good as for ever, and would not fit when they are doubled, or counted in nanoseconds. */
#define RETRY_PAUSE_LIMIT_US (UINT64_MAX / UTIL_CLOCK_NS_PER_US / 4U)
/* The budget is counted in thousandths of a repetition. What a peer can save up: that of so many calls and seconds. */
#define RETRY_TOKEN         1000U
#define RETRY_SAVED_CALLS   1000U
#define RETRY_SAVED_SECONDS 10U

/* --- peers ------------------------------------------------------------------------------------------------- */

static uint64_t retry_tokens_of_calls(const struct hg_class *hg_class, uint64_t calls)
{
    return calls * atomic_load_explicit(&hg_class->retry_percent, memory_order_relaxed) * (RETRY_TOKEN / 100U);
}

static uint64_t retry_tokens_of_ms(const struct hg_class *hg_class, uint64_t ms)
{
    return ms * atomic_load_explicit(&hg_class->retry_per_second, memory_order_relaxed) * RETRY_TOKEN / 1000U;
}

static void retry_earn(const struct hg_class *hg_class, struct hg_retry_peer *peer, uint64_t tokens)
{
    uint64_t most =
        retry_tokens_of_calls(hg_class, RETRY_SAVED_CALLS) + retry_tokens_of_ms(hg_class, RETRY_SAVED_SECONDS * 1000U);

    peer->tokens += tokens;
    if (peer->tokens > most)
        peer->tokens = most;
}

static struct hg_retry_peer *retry_peer_create(struct hg_context *context, struct hg_addr *addr)
{
    struct hg_retry_peer *peer;

    if (context->retry_peers.count >= RETRY_PEERS_MAX)
        hg_retry_sweep_locked(context);
    peer = util_calloc(1, sizeof(*peer));
    if (peer == NULL)
        return NULL;
    if (util_map_put(&context->retry_peers, (uint64_t)(uintptr_t)addr, peer) != 0) {
        util_free(peer);
        return NULL;
    }
    hg_addr_ref(addr);
    peer->addr = addr;
    peer->tokens = retry_tokens_of_ms(context->hg_class, 1000);
    peer->refilled_ns = util_clock_now_ns();
    peer->next = context->retry_sequence + 1;
    peer->first = peer->next;
    return peer;
}

static struct hg_retry_peer *retry_peer_find(struct hg_context *context, struct hg_addr *addr)
{
    struct hg_retry_peer *peer = util_map_get(&context->retry_peers, (uint64_t)(uintptr_t)addr);

    if (peer == NULL)
        peer = retry_peer_create(context, addr);
    context->retry_last = peer;
    return peer;
}

struct hg_retry_peer *hg_retry_peer_get_locked(struct hg_context *context, struct hg_addr *addr)
{
    struct hg_retry_peer *peer = context->retry_last;

    return peer != NULL && peer->addr == addr ? peer : retry_peer_find(context, addr);
}

/* The peers without a call, chained. */
static struct hg_retry_peer *retry_peers_idle(struct hg_context *context)
{
    struct hg_retry_peer *idle = NULL;
    struct hg_retry_peer *peer;
    size_t cursor = 0;

    while ((peer = util_map_next(&context->retry_peers, &cursor, NULL)) != NULL) {
        if (peer->uses > 0)
            continue;
        peer->next_idle = idle;
        idle = peer;
    }
    return idle;
}

void hg_retry_sweep_locked(struct hg_context *context)
{
    struct hg_retry_peer *idle = retry_peers_idle(context);
    struct hg_retry_peer *peer;

    context->retry_last = NULL;
    while ((peer = idle) != NULL) {
        idle = peer->next_idle;
        (void)util_map_remove(&context->retry_peers, (uint64_t)(uintptr_t)peer->addr);
        /* Its numbers must not be given again: the peer remembers them. */
        if (peer->next > context->retry_sequence)
            context->retry_sequence = peer->next;
        hg_addr_unref(peer->addr);
        util_free(peer);
    }
}

void hg_retry_fini(struct hg_context *context)
{
    struct hg_retry_peer *peer;
    size_t cursor = 0;

    while ((peer = util_map_next(&context->retry_peers, &cursor, NULL)) != NULL) {
        hg_addr_unref(peer->addr);
        util_free(peer);
    }
    util_map_fini(&context->retry_peers);
}

/* Takes one repetition out of the budget; false when there is none. */
static bool retry_pay(const struct hg_class *hg_class, struct hg_retry_peer *peer)
{
    uint64_t passed_ms = (util_clock_now_ns() - peer->refilled_ns) / UTIL_CLOCK_NS_PER_MS;

    peer->refilled_ns += passed_ms * UTIL_CLOCK_NS_PER_MS;
    if (passed_ms > RETRY_SAVED_SECONDS * 1000U)
        passed_ms = RETRY_SAVED_SECONDS * 1000U;
    if (peer->calls > RETRY_SAVED_CALLS)
        peer->calls = RETRY_SAVED_CALLS;
    retry_earn(hg_class, peer, retry_tokens_of_calls(hg_class, peer->calls));
    peer->calls = 0;
    retry_earn(hg_class, peer, retry_tokens_of_ms(hg_class, passed_ms));
    if (peer->tokens < RETRY_TOKEN)
        return false;
    peer->tokens -= RETRY_TOKEN;
    return true;
}

hg_return_t qs_class_set_retry_budget(hg_class_t *hg_class, uint32_t percent, uint32_t per_second)
{
    if (hg_fork_stops(hg_class, "qs_class_set_retry_budget"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_retry_budget: a NULL argument");
    atomic_store_explicit(&hg_class->retry_percent, percent, memory_order_relaxed);
    atomic_store_explicit(&hg_class->retry_per_second, per_second, memory_order_relaxed);
    return HG_SUCCESS;
}

/* --- sequence numbers ---------------------------------------------------------------------------------------- */

static bool retry_number_free(const struct hg_retry_peer *peer)
{
    return peer->next - peer->first < HG_HEADER_BEHIND_MAX;
}

/* Sessions with calls that wait for a number try again. */
static void retry_unblock(struct hg_context *context, struct hg_retry_peer *peer)
{
    peer->blocked = false;
    util_list_each_safe (node, next, &context->sessions) {
        struct hg_session *session = util_container_of(node, struct hg_session, link);

        if (session->addr == peer->addr && session->remote_known && !util_list_empty(&session->waiting_once)) {
            hg_retry_session_known_locked(session);
            hg_session_kick(session);
        }
    }
}

/* Whether the call of a number above the first has ended. Of one that was not given yet it has not. */
static inline bool retry_has_ended(const struct hg_retry_peer *peer, uint64_t sequence)
{
    return (peer->ended[sequence % HG_HEADER_BEHIND_MAX / 64U] >> sequence % 64U & 1U) != 0;
}

/* The same; then that is forgotten. */
static bool retry_take_ended(struct hg_retry_peer *peer, uint64_t sequence)
{
    if (!retry_has_ended(peer, sequence))
        return false;
    peer->ended[sequence % HG_HEADER_BEHIND_MAX / 64U] &= ~(UINT64_C(1) << sequence % 64U);
    return true;
}

/* The call with this number has ended, and will not be repeated. Not inline: most end in the order
 * of their numbers, which retry_end() sees. */
static __attribute__((noinline)) void retry_number_ended(struct hg_context *context, struct hg_retry_peer *peer,
                                                         uint64_t sequence)
{
    if (sequence != peer->first) {
        peer->ended[sequence % HG_HEADER_BEHIND_MAX / 64U] |= UINT64_C(1) << sequence % 64U;
        return;
    }
    do
        peer->first++;
    while (peer->first != peer->next && retry_take_ended(peer, peer->first));
    if (peer->blocked)
        retry_unblock(context, peer);
}

void hg_retry_fill_repeated(const struct hg_retry *retry, uint32_t attempts, struct hg_header *header)
{
    header->flags |= HG_MESSAGE_REPEATED;
    header->epoch = retry->target.epoch;
    header->attempt = (uint16_t)(attempts < UINT16_MAX ? attempts : UINT16_MAX);
}

/* Whether the process at the other end knows what the one has executed that may have executed the call: because it is that, or
 * because it has its records. */
static bool retry_remembers(const struct hg_retry *retry, const struct hg_session *session)
{
    const struct hg_frame_process *first = &retry->target;
    const struct hg_frame_process *now = &session->remote;

    if (first->incarnation == now->incarnation)
        return true;
    return (first->features & now->features & HG_FRAME_FEATURE_DURABLE) != 0 && first->epoch == now->epoch;
}

/* Whether a call that runs at most once can be sent to the target at the other end. 0: now, with its number; -EAGAIN: not
 * yet; -ESTALE: never, because that is not the process any more that may have executed it. */
static int retry_admit(struct hg_handle *handle)
{
    const struct hg_session *session = handle->session;
    struct hg_retry *retry = &handle->retry;

    if (!session->remote_known)
        return -EAGAIN;
    if (retry->sequence == 0) {
        assert(!retry->unsure);
        if (!retry_number_free(retry->peer)) {
            retry->peer->blocked = true;
            return -EAGAIN;
        }
        retry->sequence = retry->peer->next++;
        retry->target = session->remote;
        return 0;
    }
    if (!retry->unsure)
        retry->target = session->remote; /* nobody else can have executed it */
    else if (!retry_remembers(retry, session) && !UTIL_MUTANT(REPEATED_TO_SUCCESSOR))
        return -ESTALE;
    return 0;
}

void hg_retry_queue_locked(struct hg_handle *handle)
{
    struct hg_session *session = handle->session;
    int error = 0;

    if (handle->retry.method == QS_METHOD_AT_MOST_ONCE)
        error = retry_admit(handle);
    if (error == -ESTALE) {
        handle->cause = error;
        hg_handle_complete_as_locked(handle, HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN);
        return;
    }
    if (error == 0) {
        util_list_push(&session->waiting_requests, &handle->link);
        return;
    }
    util_list_push(&session->waiting_once, &handle->link);
    if (!session->remote_known)
        session->announce = true; /* our hello is to be answered, though it brings no request */
}

void hg_retry_session_known_locked(struct hg_session *session)
{
    struct util_list waiting;
    struct util_list *node;

    util_list_init(&waiting);
    util_list_splice(&waiting, &session->waiting_once);
    while ((node = util_list_pop(&waiting)) != NULL)
        hg_retry_queue_locked(util_container_of(node, struct hg_handle, link));
}

/* --- attempts ------------------------------------------------------------------------------------------------ */

/* How a call is repeated whose method is not ONCE, where nobody has said. */
static const struct qs_retry retry_default = {
    .attempts_max = RETRY_ATTEMPTS_DEFAULT, .pause_us = RETRY_PAUSE_DEFAULT_US, .pause_max_us = RETRY_PAUSE_MAX_US};

static void retry_fill_defaults(struct qs_retry *how, enum qs_method method)
{
    if (how->attempts_max == 0)
        how->attempts_max = method == QS_METHOD_ONCE ? 1 : retry_default.attempts_max;
    if (how->pause_us == 0)
        how->pause_us = retry_default.pause_us;
    if (how->pause_max_us == 0)
        how->pause_max_us = retry_default.pause_max_us;
    if (how->pause_max_us > RETRY_PAUSE_LIMIT_US)
        how->pause_max_us = RETRY_PAUSE_LIMIT_US;
    if (how->pause_us > how->pause_max_us)
        how->pause_us = how->pause_max_us;
}

/* How the call is repeated: as its handle says, else as its RPC does. */
static void retry_decide(struct hg_handle *handle)
{
    struct hg_retry *retry = &handle->retry;
    struct hg_rpc_table *table = &handle->info.hg_class->rpcs;

    if (retry->asked_set) {
        retry->own = retry->asked;
    } else {
        util_lock_take(&table->lock);
        retry->own = handle->rpc->retry;
        util_lock_drop(&table->lock);
    }
    retry_fill_defaults(&retry->own, retry->method);
    retry->how = &retry->own;
}

/* Arms the timer for the end of the attempt, if it has one of its own. */
static void retry_arm_attempt(struct hg_handle *handle)
{
    struct hg_retry *retry = &handle->retry;

    retry->pausing = false;
    if (retry->how->attempt_timeout_us == 0)
        return;
    retry->traces = true;
    hg_deadline_arm_locked(handle, &retry->timer,
                           util_clock_deadline_ns(retry->how->attempt_timeout_us > UINT64_MAX / UTIL_CLOCK_NS_PER_US
                                                      ? UINT64_MAX
                                                      : retry->how->attempt_timeout_us * UTIL_CLOCK_NS_PER_US));
}

/* Whether nothing can get lost between the call and its target, or nobody would miss the answer. */
static bool retry_is_needless(const struct hg_handle *handle)
{
    return handle->no_response || (handle->info.addr->self && !handle->info.hg_class->options.no_loopback);
}

/* A call begins that may be repeated, as nobody has said otherwise. */
static inline void retry_begin(struct hg_handle *handle, struct hg_retry_peer *peer)
{
    struct hg_retry *retry = &handle->retry;

    retry->how = &retry_default;
    retry->unsure = false;
    retry->refused = false;
    retry->pausing = false;
    retry->traces = false;
    retry->peer = peer;
    peer->uses++;
    peer->calls++;
}

/* The same where the peer must be looked for, or somebody has said how. Not inline: most calls need neither. */
static __attribute__((noinline)) int retry_begin_any(struct hg_handle *handle, bool told)
{
    struct hg_retry_peer *peer;

    if (retry_is_needless(handle)) {
        handle->retry.method = QS_METHOD_ONCE;
        return 0;
    }
    peer = hg_retry_peer_get_locked(handle->owner, handle->info.addr);
    if (peer == NULL)
        return -ENOMEM;
    retry_begin(handle, peer);
    if (told)
        retry_decide(handle);
    retry_arm_attempt(handle);
    return 0;
}

int hg_retry_begin_locked(struct hg_handle *handle)
{
    struct hg_retry *retry = &handle->retry;
    struct hg_retry_peer *last = handle->owner->retry_last;
    const struct hg_rpc *rpc = handle->rpc;
    bool told = retry->asked_set || atomic_load_explicit(&rpc->retry_set, memory_order_relaxed);

    retry->unpaid = false;
    retry->method = atomic_load_explicit(&rpc->method, memory_order_relaxed);
    if (retry->method == QS_METHOD_ONCE && !told)
        return 0;
    if (told || last == NULL || last->addr != handle->info.addr || retry_is_needless(handle))
        return retry_begin_any(handle, told);
    retry_begin(handle, last);
    return 0;
}

/* A call that has a peer ends. */
static inline void retry_end(struct hg_handle *handle)
{
    struct hg_retry *retry = &handle->retry;
    struct hg_retry_peer *peer = retry->peer;
    uint64_t sequence = retry->sequence;

    peer->uses--;
    retry->peer = NULL;
    retry->sequence = 0;
    if (sequence == 0)
        return;
    if (sequence == peer->first && !peer->blocked &&
        (sequence + 1 == peer->next || !retry_has_ended(peer, sequence + 1)))
        peer->first = sequence + 1;
    else
        retry_number_ended(handle->owner, peer, sequence);
}

/* The same with what is left of attempts. */
static __attribute__((noinline)) void retry_end_attempts(struct hg_handle *handle)
{
    if (!util_list_empty(&handle->retry.left))
        hg_left_forget_locked(handle);
    if (util_timer_armed(&handle->retry.timer))
        util_timer_disarm(&handle->owner->wheel, &handle->retry.timer);
    retry_end(handle);
}

void hg_retry_end_locked(struct hg_handle *handle)
{
    assert(handle->retry.traces || (util_list_empty(&handle->retry.left) && !util_timer_armed(&handle->retry.timer)));
    if (handle->retry.traces)
        retry_end_attempts(handle);
    else
        retry_end(handle);
}

/* Whether an attempt that ended so may be followed by another one. */
static bool retry_is_for(const struct hg_retry *retry, hg_return_t ret, enum qs_outcome outcome)
{
    bool trouble = ret == HG_HOSTUNREACH || ret == HG_CHECKSUM_ERROR;
    bool refused = ret == HG_AGAIN || ret == HG_NOMEM || ret == HG_CANCELED;

    switch (outcome) {
    case QS_OUTCOME_NOT_SENT:
        return trouble || ret == HG_AGAIN || ret == HG_NOMEM || ret == HG_TIMEOUT;
    case QS_OUTCOME_NOT_EXECUTED:
        return trouble || refused || ret == HG_TIMEOUT; /* of the attempt: only pieces of it have left */
    case QS_OUTCOME_UNKNOWN:
        return retry->method != QS_METHOD_ONCE && (trouble || ret == HG_TIMEOUT || ret == HG_PROTOCOL_ERROR);
    case QS_OUTCOME_EXECUTED:
        return retry->method != QS_METHOD_ONCE && trouble; /* the answer was lost */
    }
    return false;
}

/* The time that the target has asked for, and up to half as much again, so that those whom it has refused together do not come back
 * together. */
static uint64_t retry_told_us(const struct hg_handle *handle)
{
    return handle->retry_after_us + util_rand_u64() % (handle->retry_after_us / 2U + 1U);
}

/* What the target asks for, and a random time up to a bound that doubles with each attempt. */
static uint64_t retry_pause_ns(const struct hg_handle *handle)
{
    const struct qs_retry *how = handle->retry.how;
    uint64_t bound_us = how->pause_us;

    for (uint32_t i = 1; i < handle->attempts && bound_us < how->pause_max_us; i++)
        bound_us *= 2;
    if (bound_us > how->pause_max_us)
        bound_us = how->pause_max_us;
    return (retry_told_us(handle) + util_rand_u64() % (bound_us + 1)) * UTIL_CLOCK_NS_PER_US;
}

/* Whether the target may be at work on the attempt, or reading the input of it. */
static bool retry_target_is_busy(const struct hg_handle *handle, enum qs_outcome outcome)
{
    const struct hg_session *session = handle->session;

    return session != NULL && session->state == HG_SESSION_OPEN &&
           (outcome == QS_OUTCOME_UNKNOWN || handle->encoded.sent > 0);
}

/* Leaves an input that the target may be reading to the session, and goes on with a copy. False: no memory for one. */
static bool retry_copy_input(struct hg_handle *handle)
{
    bool has_extra = handle->encoded.extra != NULL;
    size_t size = has_extra ? handle->encoded.extra_size : handle->encoded.buf_size;
    void *copy = util_malloc(size);

    if (copy == NULL)
        return false;
    memcpy(copy, has_extra ? handle->encoded.extra : handle->encoded.buf, size);
    hg_overflow_orphan_locked(handle, handle->tag);
    if (has_extra)
        handle->encoded.extra = copy;
    else
        handle->encoded.buf = copy;
    return true;
}

/* Whether the target is told that nobody waits for the attempt. One that runs at most once is not taken back: the next
 * attempt asks for the same. */
static bool retry_is_taken_back(const struct hg_handle *handle, bool busy)
{
    bool whole = hg_handle_state(handle) != HG_HANDLE_WAITING;

    return busy && !(whole && handle->retry.method == QS_METHOD_AT_MOST_ONCE);
}

/* Takes the attempt back, as if the call had just begun. The target is told where it is @busy for nobody. */
static void retry_undo(struct hg_handle *handle, bool busy)
{
    struct hg_session *session = handle->session;
    uint64_t release_tag = handle->release_tag;
    uint64_t tag = handle->tag;
    bool whole = hg_handle_state(handle) != HG_HANDLE_WAITING;
    bool tell = retry_is_taken_back(handle, busy);

    handle->release_tag = 0;
    if (handle->pull != NULL) {
        hg_overflow_abandon_locked(handle, release_tag);
        release_tag = 0;
    }
    hg_overflow_free_locked(handle);
    hg_handle_drop_received_locked(handle);
    hg_context_slot_put(handle->owner, tag);
    handle->tag = 0;
    handle->encoded.sent = 0;
    util_list_remove(&handle->link);
    if (whole)
        hg_handle_move(handle, HG_HANDLE_WAITING);
    handle->session = NULL;
    if (session == NULL)
        return;
    if (tell)
        hg_session_control(session, HG_MESSAGE_CANCEL, tag);
    if (release_tag != 0)
        hg_session_control(session, HG_MESSAGE_RELEASE, release_tag);
    hg_session_unref(session);
}

/* Whether the call may have another attempt; the end of its attempts is told. */
static bool retry_has_attempts(const struct hg_handle *handle, hg_return_t ret)
{
    const struct hg_retry *retry = &handle->retry;

    if (handle->attempts < retry->how->attempts_max)
        return true;
    if (retry->how->attempts_max > 1)
        hg_event(handle->owner->hg_class, handle->info.addr, HG_EVENT_RETRIES_EXHAUSTED,
                 "a call of RPC id %#llx fails with %s after %u attempts", (unsigned long long)handle->info.id,
                 HG_Error_to_string(ret), handle->attempts);
    return false;
}

/* Takes a repetition out of the peer's budget; false when it is used up, which is told. */
static bool retry_pay_for(struct hg_handle *handle, hg_return_t ret)
{
    struct hg_class *hg_class = handle->owner->hg_class;

    if (retry_pay(hg_class, handle->retry.peer))
        return true;
    handle->retry.unpaid = true;
    hg_event(hg_class, handle->info.addr, HG_EVENT_BUDGET_EXHAUSTED,
             "a call of RPC id %#llx fails with %s: the budget of repetitions is used up (qs_class_set_retry_budget)",
             (unsigned long long)handle->info.id, HG_Error_to_string(ret));
    return false;
}

/* Begins the pause before the next attempt; false when there is to be none. */
static bool retry_pause(struct hg_handle *handle, hg_return_t ret, enum qs_outcome outcome)
{
    struct hg_retry *retry = &handle->retry;
    struct hg_context *owner = handle->owner;
    bool busy = retry_target_is_busy(handle, outcome);
    uint64_t until_ns;

    if (retry->peer == NULL || !retry_is_for(retry, ret, outcome) ||
        atomic_load_explicit(&owner->closing, memory_order_relaxed) || !retry_has_attempts(handle, ret))
        return false;
    until_ns = util_clock_deadline_ns(retry_pause_ns(handle));
    if (until_ns >= handle->deadline_ns || !retry_pay_for(handle, ret))
        return false;
    if (retry_is_taken_back(handle, busy) && hg_fence_is_due(handle) &&
        !hg_fence_raise_attempt_locked(handle, handle->tag))
        return false;
    if (busy && handle->exposure != NULL && !retry_copy_input(handle))
        return false;
    if (busy && !retry_is_taken_back(handle, busy) && !hg_left_note_locked(handle))
        return false;
    retry->refused = retry->refused || outcome == QS_OUTCOME_NOT_EXECUTED;
    retry->unsure = retry->unsure || outcome == QS_OUTCOME_UNKNOWN || outcome == QS_OUTCOME_EXECUTED;
    if (UTIL_MUTANT(ATTEMPTS_FORGOTTEN))
        retry->unsure = false;
    retry->pausing = true;
    retry->traces = true;
    retry_undo(handle, busy);
    util_list_push(&owner->retrying, &handle->link);
    hg_deadline_arm_locked(handle, &retry->timer, until_ns);
    return true;
}

void hg_retry_or_complete_locked(struct hg_handle *handle, hg_return_t ret, enum qs_outcome outcome)
{
    if (ret == HG_SUCCESS || handle->retry.peer == NULL || !retry_pause(handle, ret, outcome))
        hg_handle_complete_as_locked(handle, ret, outcome);
}

/* The pause is over. */
static void retry_again(struct hg_handle *handle)
{
    int error;

    util_list_remove(&handle->link);
    handle->attempts++;
    handle->cause = 0;
    handle->retry_after_us = 0;
    handle->owner->counters.retries++;
    hg_tally_retried(&handle->owner->tally, handle->rpc, handle->info.addr);
    error = hg_context_slot_get(handle->owner, handle, &handle->tag);
    if (error == 0) {
        retry_arm_attempt(handle);
        error = hg_forward_submit_locked(handle);
    }
    if (error != 0)
        hg_retry_or_complete_locked(handle, hg_error_from(error), QS_OUTCOME_NOT_SENT);
}

void hg_retry_or_cancel_locked(struct hg_handle *handle, hg_return_t ret)
{
    if (retry_pause(handle, ret, hg_forward_outcome(handle)))
        return;
    handle->owner->counters.timeouts += ret == HG_TIMEOUT;
    hg_cancel_call_locked(handle, ret);
}

void hg_retry_fired(struct util_timer *timer)
{
    struct hg_handle *handle = util_container_of(timer, struct hg_handle, retry.timer);

    hg_progress_check_late_locked(handle->owner, timer->deadline_ns, util_clock_now_ns());
    if (handle->retry.pausing)
        retry_again(handle);
    else
        hg_retry_or_cancel_locked(handle, HG_TIMEOUT); /* the attempt's own time is over */
}

void hg_retry_end_pauses_locked(struct hg_context *context, hg_return_t ret)
{
    struct util_list *node;

    while ((node = util_list_first(&context->retrying)) != NULL)
        hg_handle_complete_as_locked(util_container_of(node, struct hg_handle, link), ret, QS_OUTCOME_NOT_SENT);
}

/* --- the interface --------------------------------------------------------------------------------------------- */

hg_return_t qs_handle_set_retry(hg_handle_t handle, const struct qs_retry *retry)
{
    if (hg_fork_stops_handle(handle, "qs_handle_set_retry"))
        return HG_FAULT;
    if (handle == NULL || handle->target)
        return hg_error_set(HG_INVALID_ARG, "qs_handle_set_retry: the handle is NULL or that of a received request");
    if (hg_handle_state(handle) != HG_HANDLE_IDLE)
        return hg_error_set(HG_BUSY, "qs_handle_set_retry: a call is in progress");
    handle->retry.asked_set = retry != NULL;
    if (retry != NULL)
        handle->retry.asked = *retry;
    return HG_SUCCESS;
}
