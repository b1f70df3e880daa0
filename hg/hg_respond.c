/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The target's way back. A response ends when the transport has taken its frame, or, for one that the origin
 * pulls, when the origin has released it. A handler that gives up its last reference without answering is
 * answered for, so no origin waits for an answer that cannot come.
 */

#include "hg/hg_respond.h"

#include <errno.h>
#include <string.h>

#include "hg/hg_cancel.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_fragment.h"
#include "hg/hg_handle.h"
#include "hg/hg_overflow.h"
#include "hg/hg_payload.h"
#include "hg/hg_self.h"
#include "mercury.h"
#include "util/util_alloc.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

static void respond_run(struct hg_completion *completion)
{
    struct hg_handle *handle = util_container_of(completion, struct hg_handle, completion);
    struct hg_cb_info info = {
        .info.respond.handle = handle,
        .arg = handle->callback_arg,
        .type = HG_CB_RESPOND,
        .ret = handle->ret,
    };

    (void)handle->callback(&info);
    hg_handle_unref(handle);
}

static void respond_hand_over(struct hg_parcel *parcel, struct hg_context *home)
{
    struct hg_handle *handle = util_container_of(parcel, struct hg_handle, parcel);

    hg_queue_push_locked(home, &handle->completion);
}

static void respond_discard(struct hg_parcel *parcel)
{
    hg_handle_unref(util_container_of(parcel, struct hg_handle, parcel));
}

/* The response has ended: the handle leaves every queue and table, and the user is told if he asked for it. */
static void respond_end(struct hg_handle *handle, hg_return_t ret)
{
    struct hg_context *home = handle->info.context;

    util_list_remove(&handle->link);
    hg_overflow_free_locked(handle);
    if (handle->release_tag != 0)
        hg_context_slot_put(handle->owner, handle->release_tag);
    handle->release_tag = 0;
    handle->ret = ret;
    hg_handle_move(handle, HG_HANDLE_RESPONDED);
    hg_admit_leave_locked(handle);
    if (handle->callback == NULL) {
        hg_handle_unref_locked(handle);
        return;
    }
    handle->completion.take_locked = NULL;
    handle->completion.run = respond_run;
    handle->parcel.open_locked = respond_hand_over;
    handle->parcel.discard = respond_discard;
    if (home == handle->owner)
        hg_queue_push_locked(home, &handle->completion);
    else if (!hg_queue_post_to(handle->info.hg_class, handle->target_context, &handle->parcel))
        hg_handle_unref_locked(handle); /* the context that would tell the user is gone */
}

/* What a nack says of when to come back. */
static uint32_t respond_retry_after_us(const struct hg_session *session, uint32_t status)
{
    return status == HG_AGAIN ? hg_admit_retry_after_us_locked(session->context) : 0;
}

int hg_respond_send_locked(struct hg_handle *handle)
{
    struct hg_session *session = handle->session;
    struct hg_header header = {
        .type = handle->refused ? HG_MESSAGE_NACK : HG_MESSAGE_RESPONSE,
        .tag = handle->tag,
        .status = handle->status,
        .retry_after_us = handle->refused ? respond_retry_after_us(session, handle->status) : 0,
    };
    struct hg_outbox_payload payload;
    int error;

    hg_payload_view(handle, &payload);
    error = hg_fragment_send(handle, &header, &payload, &handle->frame_number);
    if (error == -EAGAIN)
        return error;
    session->context->counters.rpc_resp_sent++;
    if (error != 0) {
        /* The origin must hear something: the error, without a payload. The handle ends first, since sending may come
         * by the queue that it is in. */
        hg_session_ref(session);
        respond_end(handle, hg_error_from(error));
        hg_respond_status_locked(session, &header, hg_error_from(error));
        hg_session_unref(session);
        return 0;
    }
    util_list_remove(&handle->link);
    util_list_push(handle->exposure != NULL ? &session->calls : &session->leaving, &handle->link);
    return 0;
}

void hg_respond_left_locked(struct hg_handle *handle)
{
    respond_end(handle, HG_SUCCESS);
}

void hg_respond_failed_locked(struct hg_handle *handle, hg_return_t ret)
{
    respond_end(handle, ret);
}

void hg_respond_released_locked(struct hg_session *session, uint64_t tag)
{
    struct hg_handle *handle = hg_context_slot_find(session->context, tag);

    if (handle != NULL && handle->session == session && handle->exposure != NULL)
        respond_end(handle, HG_SUCCESS);
}

void hg_respond_unwanted_locked(struct hg_session *session, uint64_t tag)
{
    /* By a connection it hears of the response all the same, and releases it. */
    if (session->port->limits->connections)
        return;
    util_list_each_safe (node, next, &session->calls) {
        struct hg_handle *handle = util_container_of(node, struct hg_handle, link);

        if (handle->target && handle->tag == tag) {
            respond_end(handle, HG_SUCCESS);
            return;
        }
    }
}

void hg_respond_status_locked(struct hg_session *session, const struct hg_header *request, hg_return_t status)
{
    bool refused = request->type == HG_MESSAGE_REQUEST;
    const struct hg_header header = {
        .type = refused ? HG_MESSAGE_NACK : HG_MESSAGE_RESPONSE,
        .tag = request->tag,
        .status = (uint32_t)status,
        .retry_after_us = refused ? respond_retry_after_us(session, (uint32_t)status) : 0,
    };
    const struct hg_outbox_payload nothing = {0};

    if (session->state != HG_SESSION_OPEN)
        return;
    if (hg_outbox_add(session, &header, &nothing, NULL) != 0) {
        /* No room. Refusals are as small as controls, and wait like them. */
        hg_session_refuse_later(session, &header);
        return;
    }
    hg_session_kick(session);
}

/* Hands the response, encoded and in state RESPONDING, to where the request came from. */
static void respond_submit(struct hg_handle *handle)
{
    struct hg_session *session = handle->session;

    if (handle->to_self) {
        int error = hg_self_respond_locked(handle);

        respond_end(handle, hg_error_from(error));
        return;
    }
    if (session->state != HG_SESSION_OPEN) {
        respond_end(handle, hg_error_from(session->error));
        return;
    }
    util_list_push(&session->waiting_responses, &handle->link);
    hg_session_kick(session);
}

bool hg_respond_instead_locked(struct hg_handle *handle)
{
    hg_cancel_answered_locked(handle);
    handle->owner->counters.expired += handle->refused && handle->status == HG_TIMEOUT;
    handle->owner->counters.shed += handle->refused && handle->status == HG_AGAIN;
    if (handle->refused)
        hg_tally_not_run(&handle->owner->tally, handle->rpc, &handle->sample, (hg_return_t)handle->status);
    else
        hg_tally_end(&handle->sample);
    if (handle->once.origin != NULL && handle->refused)
        hg_once_forget(handle); /* the next attempt may come before this answer has left */
    else if (handle->once.origin != NULL)
        hg_once_answered(handle, handle->status == HG_SUCCESS ? HG_OTHER_ERROR : handle->status,
                         &(struct hg_outbox_payload){0});
    if (handle->no_response) {
        hg_handle_move(handle, HG_HANDLE_RESPONDED);
        hg_admit_leave_locked(handle);
        return false;
    }
    /* Otherwise whoever refused the request has set its status, and said why. */
    if (handle->status == HG_SUCCESS) {
        handle->status = HG_OTHER_ERROR;
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC,
                         "the handler of RPC id %#llx dropped its last reference without answering; HG_OTHER_ERROR is "
                         "answered instead",
                         (unsigned long long)handle->info.id);
    }
    hg_handle_ref(handle);
    handle->callback = NULL;
    handle->encoded.size = 0;
    handle->encoded.extra_size = 0;
    handle->encoded.sent = 0;
    hg_handle_move(handle, HG_HANDLE_RESPONDING);
    respond_submit(handle);
    return true;
}

/* Whether the handle can be answered now. */
static hg_return_t respond_check(hg_handle_t handle)
{
    if (handle == NULL || !handle->target)
        return hg_error_set(HG_INVALID_ARG, "HG_Respond: %s",
                            handle == NULL ? "the handle is NULL"
                                           : "the handle was not received, so there is nobody to answer");
    if (handle->no_response)
        return hg_error_set(HG_OPNOTSUPPORTED, "HG_Respond: the origin wants no response to RPC id %#llx",
                            (unsigned long long)handle->info.id);
    if (hg_handle_state(handle) != HG_HANDLE_RUNNING)
        return hg_error_set(HG_BUSY, "HG_Respond: the handle is %s, answered already",
                            hg_handle_state_text(hg_handle_state(handle)));
    return HG_SUCCESS;
}

/* The answer is kept for those who may ask again: by the handle, if it has all of it, no other context can be asked, and the user does not
 * have its buffer. Relaxed: whoever opens another context comes for what is here under the lock that we hold, after it has counted. */
static inline void respond_remember(struct hg_handle *handle)
{
    const struct hg_class *hg_class = handle->info.hg_class;

    if (handle->encoded.extra_size > 0 || handle->encoded.shown ||
        atomic_load_explicit(&hg_class->context_count, memory_order_relaxed) > 1 || UTIL_MUTANT(RECORD_DROPPED_EARLY))
        hg_once_settle(handle);
    else
        handle->once.answered = true;
}

int hg_respond_again_locked(struct hg_handle *handle, const struct hg_once_found *found)
{
    const unsigned char *answer = found->answer;
    size_t tail_size = found->answer_size - found->answer_eager;

    if (hg_payload_reserve(handle) != HG_SUCCESS)
        return -ENOMEM;
    util_free(handle->encoded.extra);
    handle->encoded = (struct hg_handle_encoded){
        .buf = handle->encoded.buf,
        .buf_size = handle->encoded.buf_size,
        .size = found->answer_eager,
        .extra = tail_size > 0 ? util_malloc(tail_size) : NULL,
        .extra_size = tail_size,
    };
    if (tail_size > 0 && handle->encoded.extra == NULL)
        return -ENOMEM;
    if (found->answer_eager > 0)
        memcpy(handle->encoded.buf, answer, found->answer_eager);
    if (tail_size > 0)
        memcpy(handle->encoded.extra, answer + found->answer_eager, tail_size);
    handle->status = (uint32_t)found->status;
    handle->callback = NULL;
    hg_handle_move(handle, HG_HANDLE_RESPONDING);
    respond_submit(handle);
    return 0;
}

hg_return_t HG_Respond(hg_handle_t handle, hg_cb_t callback, void *arg, void *out_struct)
{
    struct hg_context *owner;
    hg_return_t ret = respond_check(handle);

    if (hg_fork_stops_handle(handle, "HG_Respond"))
        return HG_FAULT;
    if (ret == HG_SUCCESS)
        ret = hg_payload_encode(handle, HG_OUTPUT, out_struct);
    if (ret != HG_SUCCESS)
        return ret;
    owner = handle->owner;
    util_lock_take(&owner->lock);
    ret = respond_check(handle);
    if (ret == HG_SUCCESS) {
        handle->callback = callback;
        handle->callback_arg = arg;
        handle->status = HG_SUCCESS;
        hg_handle_ref(handle);
        hg_nested_answered(handle);
        hg_cancel_answered_locked(handle);
        hg_tally_end(&handle->sample);
        if (handle->once.origin != NULL)
            respond_remember(handle);
        if (handle->encoded.extra_size > 0)
            hg_admit_output_locked(handle, handle->encoded.extra_size);
        hg_handle_move(handle, HG_HANDLE_RESPONDING);
        respond_submit(handle);
    }
    util_lock_drop(&owner->lock);
    return ret;
}
