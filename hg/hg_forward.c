/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The origin's way out: HG_Forward, and how a call ends here. The input is encoded before the
 * lock is taken and before anything is changed, so a call that is refused leaves no trace. Every call that was
 * taken ends in hg_handle_complete_locked, once, whoever ends it: a response, a time-out, a cancel, the end of
 * its session, the target's word that it does not have it.
 */

#include "hg/hg_forward.h"

#include <errno.h>

#include "hg/hg_addr.h"
#include "hg/hg_cancel.h"
#include "hg/hg_deadline.h"
#include "hg/hg_error.h"
#include "hg/hg_fence.h"
#include "hg/hg_fork.h"
#include "hg/hg_fragment.h"
#include "hg/hg_handle.h"
#include "hg/hg_left.h"
#include "hg/hg_options.h"
#include "hg/hg_overflow.h"
#include "hg/hg_payload.h"
#include "hg/hg_result.h"
#include "hg/hg_retry.h"
#include "hg/hg_self.h"
#include "mercury.h"
#include "util/util_clock.h"
#include "util/util_mutant.h"

/* The request has been put into the outbox whole: it counts against the window, and waits for its end. */
static void forward_sent(struct hg_handle *handle, uint64_t frame_number)
{
    struct hg_session *session = handle->session;
    bool leaves = handle->no_response && handle->exposure == NULL;

    session->context->counters.rpc_req_sent++;
    session->context->counters.rpc_oneway_sent += handle->no_response;
    handle->frame_number = frame_number;
    handle->missing = (struct hg_missing){0};
    util_list_remove(&handle->link);
    util_list_push(leaves ? &session->leaving : &session->calls, &handle->link);
    hg_handle_move(handle, HG_HANDLE_SENT);
    if (UTIL_MUTANT(EXPOSURE_FREED_EARLY))
        hg_overflow_free_locked(handle);
}

int hg_forward_send_locked(struct hg_handle *handle)
{
    uint64_t now_ns = handle->deadline_ns == UINT64_MAX ? 0 : hg_context_moment_locked(handle->owner);
    struct hg_header header = {
        .type = HG_MESSAGE_REQUEST,
        .flags = handle->no_response ? HG_MESSAGE_NO_RESPONSE : 0,
        .tag = handle->tag,
        .rpc_id = handle->info.id,
        .remaining_us = hg_deadline_remaining_us(handle, now_ns),
        .target_context = handle->info.context_id,
        .origin_context = handle->owner->id,
    };
    struct hg_outbox_payload payload;
    uint64_t frame_number = 0;
    bool begun = handle->encoded.sent > 0;
    int error;

    if (now_ns >= handle->deadline_ns && !begun) {
        hg_deadline_over_locked(handle); /* it has waited too long to be of use to the target */
        return 0;
    }
    hg_retry_fill_header(&handle->retry, handle->attempts, &header);
    hg_payload_view(handle, &payload);
    error = hg_fragment_send(handle, &header, &payload, &frame_number);
    /* It counts against the window from its first fragment on, as the target counts. */
    if (!begun && (error == 0 || handle->encoded.sent > 0))
        handle->session->requests_sent++;
    if (error == -EAGAIN)
        return error;
    if (error != 0) {
        hg_handle_complete_locked(handle, hg_error_from(error));
        return 0;
    }
    forward_sent(handle, frame_number);
    return 0;
}

/* Whether a call need not wait, neither for the peer nor for the transport. */
static bool forward_can_leave(const struct hg_session *session)
{
    return hg_session_window_open(session) && util_list_empty(&session->waiting_requests) &&
           session->outbox.refused == NULL;
}

/* The session that the call goes by: where an earlier attempt may be running, if that can still be asked (it takes no other requests
 * perhaps), else the one to its address. */
static int forward_find_session(struct hg_handle *handle, struct hg_session **session_out)
{
    int error;

    if (handle->retry.peer != NULL) {
        *session_out = hg_left_session_locked(handle);
        if (*session_out != NULL)
            return 0;
    }
    error = hg_peer_admit(handle->info.addr, handle->bounded);
    return error != 0 ? error : hg_session_get(handle->owner, handle->info.addr, handle->info.context_id, session_out);
}

int hg_forward_submit_locked(struct hg_handle *handle)
{
    struct hg_context *owner = handle->owner;
    struct hg_session *session = handle->session;
    int error;

    handle->to_self = handle->info.addr->self && !owner->hg_class->options.no_loopback;
    if (handle->to_self)
        return hg_self_forward_locked(handle);
    if (session != NULL && session->state == HG_SESSION_ENDED) {
        hg_handle_drop_session_locked(handle);
        session = NULL;
    }
    if (session == NULL) {
        error = forward_find_session(handle, &session);
        if (error != 0)
            return error;
        hg_session_ref(session);
        handle->session = session;
    }
    if (hg_options_no_retry(&owner->hg_class->options) && !forward_can_leave(session)) {
        hg_handle_drop_session_locked(handle);
        return util_detail_set(-EAGAIN, "HG_Forward: the call cannot leave now (NA_NO_RETRY)");
    }
    if (handle->attempts == 1)
        hg_tally_bump(&session->tally.calls);
    hg_retry_queue_locked(handle);
    hg_session_kick(session);
    return 0;
}

/* Counts a bounded call as one under way to its peer; -EAGAIN when there are too many. */
static int forward_count(struct hg_handle *handle)
{
    uint32_t most = atomic_load_explicit(&handle->info.hg_class->in_flight_max, memory_order_relaxed);
    struct hg_retry_peer *peer;

    if (!handle->bounded || most == 0)
        return 0;
    peer = hg_retry_peer_get_locked(handle->owner, handle->info.addr);
    if (peer == NULL)
        return -ENOMEM;
    if (peer->in_flight >= most)
        return util_detail_set(-EAGAIN, "qs_forward: %u calls to %s are under way already (qs_class_set_in_flight)",
                               peer->in_flight, handle->info.addr->text);
    peer->in_flight++;
    peer->uses++;
    handle->counted = peer;
    return 0;
}

static void forward_uncount(struct hg_handle *handle)
{
    if (handle->counted == NULL)
        return;
    handle->counted->in_flight--;
    handle->counted->uses--;
    handle->counted = NULL;
}

static hg_return_t forward_begin_locked(struct hg_handle *handle, hg_cb_t callback, void *arg, bool bounded)
{
    int error;

    if (hg_handle_state(handle) != HG_HANDLE_IDLE)
        return hg_error_set(HG_BUSY, "HG_Forward: the handle is %s", hg_handle_state_text(hg_handle_state(handle)));
    handle->bounded = bounded;
    error = forward_count(handle);
    if (error == 0)
        error = hg_context_slot_get(handle->owner, handle, &handle->tag);
    if (error != 0) {
        forward_uncount(handle);
        return hg_error_from(error);
    }
    hg_handle_drop_received_locked(handle);
    handle->callback = callback;
    handle->callback_arg = arg;
    handle->release_tag = 0;
    handle->no_response = atomic_load_explicit(&handle->rpc->no_response, memory_order_relaxed);
    handle->ended = false;
    handle->cause = 0;
    handle->retry_after_us = 0;
    handle->attempts = 1;
    if (!handle->parent_set)
        hg_nested_now(&handle->parent);
    hg_handle_ref(handle);
    hg_deadline_begin_locked(handle);
    hg_tally_begin(&handle->owner->tally, handle->rpc, HG_TALLY_ORIGIN, &handle->sample, handle->begun_ns);
    hg_handle_move(handle, HG_HANDLE_WAITING);
    if (handle->parent.context != NULL && !hg_cancel_join_locked(handle)) {
        handle->owner->counters.cancels++;
        hg_handle_complete_locked(handle, HG_CANCELED);
        return HG_SUCCESS;
    }
    error = hg_retry_begin_locked(handle);
    if (error == 0)
        error = hg_forward_submit_locked(handle);
    if (error == 0)
        return HG_SUCCESS;
    /* Taken back: as if it had never been. The count cannot reach 0, since the caller has a reference. */
    hg_tally_undo(&handle->owner->tally, handle->rpc, HG_TALLY_ORIGIN, &handle->sample);
    hg_context_slot_put(handle->owner, handle->tag);
    hg_deadline_end_locked(handle);
    if (handle->retry.peer != NULL)
        hg_retry_end_locked(handle);
    forward_uncount(handle);
    util_list_remove(&handle->parent_link);
    atomic_store_explicit(&handle->state, HG_HANDLE_IDLE, memory_order_relaxed);
    (void)atomic_fetch_sub_explicit(&handle->refs, 1, memory_order_relaxed);
    return hg_error_from(error);
}

static hg_return_t forward(struct hg_handle *handle, hg_cb_t callback, void *arg, void *in_struct, bool bounded)
{
    const char *function = bounded ? "qs_forward" : "HG_Forward";
    struct hg_context *owner;
    hg_return_t ret;

    if (hg_fork_stops_handle(handle, function))
        return HG_FAULT;
    if (handle == NULL || handle->target)
        return hg_error_set(HG_INVALID_ARG, "%s: %s", function,
                            handle == NULL ? "the handle is NULL" : "the handle is that of a received request");
    if (handle->info.addr == NULL || handle->rpc == NULL)
        return hg_error_set(HG_INVALID_ARG, "%s: the handle has no %s", function,
                            handle->info.addr == NULL ? "target address" : "RPC id");
    if (hg_handle_state(handle) != HG_HANDLE_IDLE)
        return hg_error_set(HG_BUSY, "%s: the handle is %s", function, hg_handle_state_text(hg_handle_state(handle)));
    ret = hg_payload_encode(handle, HG_INPUT, in_struct);
    if (ret != HG_SUCCESS)
        return ret;
    owner = handle->owner;
    util_lock_take(&owner->lock);
    hg_overflow_free_locked(handle);
    hg_context_moment_begin_locked(owner);
    ret = forward_begin_locked(handle, callback, arg, bounded);
    hg_context_moment_end_locked(owner);
    util_lock_drop(&owner->lock);
    return ret;
}

hg_return_t HG_Forward(hg_handle_t handle, hg_cb_t callback, void *arg, void *in_struct)
{
    return forward(handle, callback, arg, in_struct, false);
}

hg_return_t qs_forward(hg_handle_t handle, hg_cb_t callback, void *arg, void *in_struct)
{
    return forward(handle, callback, arg, in_struct, true);
}

hg_return_t qs_class_set_in_flight(hg_class_t *hg_class, uint32_t count)
{
    if (hg_fork_stops(hg_class, "qs_class_set_in_flight"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_in_flight: a NULL argument");
    atomic_store_explicit(&hg_class->in_flight_max, count, memory_order_relaxed);
    return HG_SUCCESS;
}

/* --- the end of a call ----------------------------------------------------------------------------- */

/* Leaves the completion queue: from here on the handle may be forwarded again, also in its own callback. */
static bool forward_take_locked(struct hg_completion *completion)
{
    struct hg_handle *handle = util_container_of(completion, struct hg_handle, completion);

    hg_handle_move(handle, HG_HANDLE_IDLE);
    return true;
}

static void forward_run(struct hg_completion *completion)
{
    struct hg_handle *handle = util_container_of(completion, struct hg_handle, completion);
    struct hg_cb_info info = {
        .info.forward.handle = handle,
        .arg = handle->callback_arg,
        .type = HG_CB_FORWARD,
        .ret = handle->ret,
    };

    struct hg_nested parent = handle->parent;
    const struct hg_nested *outer;

    /* The callback goes on with what the call was for. */
    outer = hg_nested_swap(parent.context != NULL ? &parent : NULL);
    if (handle->callback != NULL)
        (void)handle->callback(&info);
    if (UTIL_MUTANT(CALLBACK_TWICE) && info.ret == HG_CANCELED && handle->callback != NULL)
        (void)handle->callback(&info);
    (void)hg_nested_swap(outer);
    hg_handle_unref(handle);
}

enum qs_outcome hg_forward_outcome(const struct hg_handle *handle)
{
    const struct hg_session *session = handle->session;
    bool pieces = handle->encoded.sent > 0;

    switch (hg_handle_state(handle)) {
    case HG_HANDLE_WAITING:
        /* The target runs nothing of which it has pieces only. */
        return pieces ? QS_OUTCOME_NOT_EXECUTED : QS_OUTCOME_NOT_SENT;
    case HG_HANDLE_PULLING:
        return QS_OUTCOME_EXECUTED;
    default:
        /* The frame, or the last one, has not been taken, and will not be. */
        if (session != NULL && session->state == HG_SESSION_ENDED && handle->frame_number >= session->outbox.sent)
            return pieces ? QS_OUTCOME_NOT_EXECUTED : QS_OUTCOME_NOT_SENT;
        return QS_OUTCOME_UNKNOWN;
    }
}

void hg_handle_complete_locked(struct hg_handle *handle, hg_return_t ret)
{
    hg_handle_complete_as_locked(handle, ret, hg_forward_outcome(handle));
}

void hg_handle_complete_as_locked(struct hg_handle *handle, hg_return_t ret, enum qs_outcome outcome)
{
    struct hg_context *owner = handle->owner;
    uint64_t release_tag = handle->release_tag;

    handle->release_tag = 0;
    if (handle->pull != NULL) {
        hg_overflow_abandon_locked(handle, release_tag);
        release_tag = 0;
    }
    hg_overflow_free_locked(handle);
    if (!UTIL_MUTANT(TAG_KEPT) || ret != HG_TIMEOUT)
        hg_context_slot_put(owner, handle->tag);
    handle->tag = 0;
    hg_deadline_end_locked(handle);
    forward_uncount(handle);
    util_list_remove(&handle->parent_link);
    util_list_remove(&handle->link);
    handle->ret = ret;
    if (handle->retry.peer != NULL)
        outcome = hg_retry_outcome(&handle->retry, outcome);
    hg_result_note_locked(handle, outcome);
    hg_tally_end(&handle->sample);
    if (ret != HG_SUCCESS)
        hg_tally_failed(&owner->tally, handle->rpc, handle->info.addr, ret, outcome);
    hg_handle_move(handle, HG_HANDLE_COMPLETED);
    handle->completion.take_locked = forward_take_locked;
    handle->completion.run = forward_run;
    if (util_list_empty(&handle->fences))
        hg_queue_push_locked(owner, &handle->completion);
    else
        hg_fence_complete_locked(handle);
    /* Last, because it may send, and thereby end other handles of the session. */
    if (release_tag != 0)
        hg_session_control(handle->session, HG_MESSAGE_RELEASE, release_tag);
    if (handle->retry.peer != NULL)
        hg_retry_end_locked(handle);
}
