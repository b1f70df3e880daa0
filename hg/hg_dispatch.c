/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The target's way in: a request message becomes a handle with the payload copied out of the receive
 * buffer, and the handle waits in the completion queue of the context that the origin meant. Usually that is
 * the context that received it; where the transport could not reach it directly, the handle is handed over
 * as a parcel.
 */

#include "hg/hg_dispatch.h"

#include <errno.h>

#include "hg/hg_addr.h"
#include "hg/hg_context.h"
#include "hg/hg_deadline.h"
#include "hg/hg_error.h"
#include "hg/hg_handle.h"
#include "hg/hg_once_next.h"
#include "hg/hg_overflow.h"
#include "hg/hg_progress.h"
#include "hg/hg_receive.h"
#include "hg/hg_respond.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

int hg_dispatch_find_rpc(struct hg_context *context, uint64_t rpc_id, struct hg_handle *handle)
{
    struct hg_rpc *rpc = context->rpc_last;

    if (rpc == NULL || rpc->id != rpc_id || !hg_rpc_is_registered(rpc)) {
        rpc = hg_rpc_find(&context->hg_class->rpcs, rpc_id);
        context->rpc_last = rpc;
    }
    if (rpc == NULL) {
        context->counters.unknown_rpc++;
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC,
                         "a request for RPC id %#llx, which is not registered", (unsigned long long)rpc_id);
        return HG_NOENTRY;
    }
    if (atomic_load_explicit(&rpc->callback, memory_order_relaxed) == NULL)
        return HG_INVALID_ARG;
    handle->rpc = rpc;
    return HG_SUCCESS;
}

/* Notes that what comes of a request in pieces is not wanted. */
static void dispatch_note_dropped(struct hg_session *session, uint64_t tag)
{
    session->dropped_tags[session->dropped_count++ % HG_SESSION_DROPPED_TAGS] = tag;
}

static bool dispatch_was_dropped(const struct hg_session *session, uint64_t tag)
{
    for (uint32_t i = 0; i < HG_SESSION_DROPPED_TAGS && i < session->dropped_count; i++)
        if (session->dropped_tags[i] == tag)
            return true;
    return false;
}

/* The handle that already has some pieces of this request. */
static struct hg_handle *dispatch_find_receiving(struct hg_session *session, uint64_t tag)
{
    util_list_each (node, &session->receiving) {
        struct hg_handle *handle = util_container_of(node, struct hg_handle, link);

        if (handle->tag == tag)
            return handle;
    }
    return NULL;
}

/* A handle for a new request; the create callback runs with the first life of a handle. */
static struct hg_handle *dispatch_create(struct hg_session *session, const struct hg_header *header)
{
    struct hg_context *context = session->context;
    bool fresh;
    struct hg_handle *handle = hg_handle_get_locked(context, true, &fresh);

    if (handle == NULL)
        return NULL;
    hg_addr_ref(session->addr);
    hg_session_ref(session);
    handle->info.addr = session->addr;
    handle->session = session;
    handle->info.id = header->rpc_id;
    handle->info.context_id = header->origin_context;
    handle->target_context = header->target_context;
    handle->tag = header->tag;
    handle->no_response = (header->flags & HG_MESSAGE_NO_RESPONSE) != 0;
    handle->deadline_ns = UINT64_MAX;
    handle->missing = (struct hg_missing){0};
    if (header->remaining_us != 0)
        hg_deadline_received_locked(handle, context, header->remaining_us);
    return handle;
}

/* Counts a request that will not run. A repeated one, which is answered in the handler's place, is none of those. */
static void dispatch_count_refused(struct hg_session *session, const struct hg_header *header, hg_return_t status)
{
    struct hg_context *context = session->context;
    const struct hg_rpc *rpc = hg_rpc_find(&context->hg_class->rpcs, header->rpc_id);
    const char *refusal = status == HG_AGAIN ? context->admit.refusal : NULL;

    if (header->type != HG_MESSAGE_REQUEST)
        return;
    context->counters.refused++;
    if (rpc != NULL)
        hg_tally_get(&context->tally, rpc)->refused++;
    hg_event(context->hg_class, session->addr, HG_EVENT_REFUSED,
             "a request for RPC id %#llx of it is refused with %s%s%s", (unsigned long long)header->rpc_id,
             HG_Error_to_string(status), refusal != NULL ? ": " : "", refusal != NULL ? refusal : "");
    context->admit.refusal = NULL;
}

/* Answers a request that will not run, and forgets it. */
static void dispatch_refuse(struct hg_session *session, const struct hg_header *header, hg_return_t status)
{
    session->context->counters.shed += status == HG_AGAIN;
    dispatch_count_refused(session, header, status);
    hg_session_taken(session);
    if ((header->flags & HG_MESSAGE_NO_RESPONSE) == 0)
        hg_respond_status_locked(session, header, status);
    else if ((header->flags & HG_MESSAGE_MORE_DATA) != 0)
        hg_session_control(session, HG_MESSAGE_RELEASE, header->tag);
}

/* Whether the context that the origin meant is there and takes requests. */
static hg_return_t dispatch_check_home(struct hg_context *context, uint8_t id)
{
    struct hg_class *hg_class = context->hg_class;
    struct hg_context *home;
    hg_return_t ret = HG_SUCCESS;

    if (id == context->id)
        return hg_context_refuses(context) ? HG_CANCELED : HG_SUCCESS;
    util_lock_take(&hg_class->post_lock); /* so that it does not go away meanwhile */
    home = hg_context_by_id(hg_class, id);
    if (home == NULL)
        ret = HG_NOENTRY;
    else if (hg_context_refuses(home))
        ret = HG_CANCELED;
    util_lock_drop(&hg_class->post_lock);
    return ret;
}

/* Whether the class takes no new requests, which is refused with HG_HOSTUNREACH. */
static bool dispatch_stops(const struct hg_context *context)
{
    return atomic_load_explicit(&context->hg_class->stopping, memory_order_relaxed);
}

/* Whether the request may be here already: it says itself that it is not the first attempt. */
static bool dispatch_may_be_here(const struct hg_header *header)
{
    return (header->flags & HG_MESSAGE_SEQUENCED) != 0 && header->attempt > 1;
}

/* What the origin's message must satisfy before anything is kept for it. */
static hg_return_t dispatch_check(struct hg_context *context, const struct hg_header *header)
{
    bool closing = atomic_load_explicit(&context->closing, memory_order_relaxed);
    hg_return_t ret = closing ? HG_CANCELED : dispatch_check_home(context, header->target_context);

    /* What is here is answered, whichever attempt asks for it. */
    if (ret == HG_SUCCESS && dispatch_stops(context) && !dispatch_may_be_here(header))
        ret = HG_HOSTUNREACH;
    if (ret == HG_NOENTRY)
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC, "a request for context %u, which does not exist",
                         header->target_context);
    if (ret != HG_SUCCESS)
        return ret;
    /* One-way calls could not be told: a handle beyond the limit is made for them rather than lose one. */
    if ((header->flags & HG_MESSAGE_NO_RESPONSE) == 0 && hg_handle_exhausted_locked(context)) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC,
                         "a request is refused: all %u handles that the class may have are in use (request_post_incr)",
                         context->handles_count[1]);
        return HG_AGAIN;
    }
    return HG_SUCCESS;
}

static void dispatch_pulled(struct hg_handle *handle, int error)
{
    struct hg_session *session = handle->session;
    const struct hg_header request = {
        .type = HG_MESSAGE_REQUEST,
        .flags = handle->no_response ? HG_MESSAGE_NO_RESPONSE : 0,
        .tag = handle->tag,
        .rpc_id = handle->info.id,
    };

    if (handle->no_response)
        hg_session_control(session, HG_MESSAGE_RELEASE, handle->tag);
    if (error == 0) {
        hg_dispatch_ready_locked(handle);
        return;
    }
    util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC,
                     "the input of a request from %s could not be pulled: %d", session->addr->text, error);
    dispatch_refuse(session, &request, hg_error_from(error));
    hg_receive_abandon_locked(handle);
}

/* All pieces of the message are there. */
static void dispatch_received(struct hg_handle *handle, const struct hg_header *header)
{
    int error;

    handle->owner->counters.rpc_req_recv++;
    hg_tally_bump(&handle->session->tally.requests);
    if ((header->flags & HG_MESSAGE_MORE_DATA) == 0) {
        hg_dispatch_ready_locked(handle);
        return;
    }
    error = hg_overflow_pull_locked(handle, dispatch_pulled);
    if (error != 0)
        dispatch_pulled(handle, error);
}

/* Whether a later attempt of the request in @handle has come already, or this very message: frames may overtake each other, and
 * what an old connection has left is read beside the new one. The origin waits for the last attempt alone. */
static bool dispatch_is_overtaken(const struct hg_handle *handle, const struct hg_session *session,
                                  const struct hg_header *header)
{
    return header->attempt < handle->once.attempt || (handle->session == session && handle->tag == header->tag);
}

/* Drops an attempt that nobody waits for, and what its origin keeps for it. */
static void dispatch_drop_overtaken(struct hg_session *session, const struct hg_header *header,
                                    const struct hg_handle *last)
{
    hg_session_taken(session);
    if (last->session != session || last->tag != header->tag)
        hg_session_control(session, HG_MESSAGE_RELEASE, header->tag);
}

/* The request in @handle has come before and has not been answered: its answer goes to where it came from now. */
static void dispatch_rejoin(struct hg_handle *handle, struct hg_session *session, const struct hg_header *header)
{
    struct hg_session *before = handle->session;

    hg_admit_move_locked(handle, session);
    hg_serving_remove(&before->serving, handle);
    /* What was not taken up before will be as a request of this session. */
    if (hg_handle_state(handle) == HG_HANDLE_READY)
        hg_session_taken(before);
    else
        hg_session_taken(session);
    hg_session_control(before, HG_MESSAGE_RELEASE, handle->tag); /* the input came with the attempt before */
    hg_session_ref(session);
    handle->session = session;
    handle->tag = header->tag;
    handle->once.attempt = header->attempt;
    hg_serving_add(&session->serving, handle);
    hg_nested_rejoined_locked(handle);
    hg_session_unref(before);
}

/* An earlier attempt of which not all has arrived: nothing is lost by beginning anew. */
static void dispatch_restart(struct hg_handle *handle)
{
    hg_session_taken(handle->session);
    hg_receive_abandon_locked(handle);
}

/* Answers a request that has come before, or cannot be told from one that has. */
static void dispatch_repeated(struct hg_session *session, const struct hg_header *header, struct hg_handle *handle,
                              const struct hg_once_found *found)
{
    struct hg_header answer = *header;

    if (found->verdict == HG_ONCE_RUNNING) {
        hg_handle_unref_locked(handle);
        if (dispatch_is_overtaken(found->handle, session, header))
            dispatch_drop_overtaken(session, header, found->handle);
        else
            dispatch_rejoin(found->handle, session, header);
        return;
    }
    if (found->verdict == HG_ONCE_ANSWERED && hg_admit_again_locked(handle, found->answer_size) == HG_SUCCESS &&
        hg_respond_again_locked(handle, found) == 0) {
        hg_session_taken(session);
        return;
    }
    hg_handle_unref_locked(handle);
    if (found->executed)
        answer.type = HG_MESSAGE_RESPONSE;
    dispatch_refuse(session, &answer, found->verdict == HG_ONCE_ANSWERED ? HG_AGAIN : found->status);
}

/* Whether there is room for a request that is known to be new. Where there is none it leaves no record. */
static bool dispatch_has_room(struct hg_session *session, const struct hg_header *header, struct hg_handle *handle)
{
    hg_return_t status = dispatch_stops(session->context) ? HG_HOSTUNREACH : hg_admit_check_locked(session, header);

    if (status == HG_SUCCESS)
        return true;
    hg_handle_unref_locked(handle);
    dispatch_refuse(session, header, status);
    return false;
}

/* A request that has come before, or cannot run as it is. True: it runs all the same, since only pieces of it had come; else it is
 * answered or refused here. */
static __attribute__((noinline)) bool dispatch_known(struct hg_session *session, const struct hg_header *header,
                                                     struct hg_handle *handle, struct hg_once_found *found)
{
    if (found->verdict == HG_ONCE_RUNNING && hg_handle_state(found->handle) == HG_HANDLE_RECEIVING &&
        !dispatch_is_overtaken(found->handle, session, header)) {
        dispatch_restart(found->handle);
        if (hg_once_look_up_any(session, header, handle, found))
            return dispatch_has_room(session, header, handle);
    }
    if (found->verdict != HG_ONCE_REFUSED) {
        session->context->counters.repeats++;
        hg_tally_get(&session->context->tally, handle->rpc)->repeats++;
    }
    dispatch_repeated(session, header, handle, found);
    util_free(found->answer);
    return false;
}

/* Whether a request is to run now. If at most once, it has its place then. */
static bool dispatch_is_new(struct hg_session *session, const struct hg_header *header, struct hg_handle *handle)
{
    struct hg_once_found found;

    if ((header->flags & HG_MESSAGE_SEQUENCED) == 0) {
        hg_handle_save_answer_locked(handle);
        return true;
    }
    if (hg_once_look_up_next(session, header, handle) || hg_once_look_up_any(session, header, handle, &found))
        return dispatch_has_room(session, header, handle);
    return dispatch_known(session, header, handle, &found);
}

/* How many requests of the peer may be here. Over datagrams a peer may begin to count anew (hg_session_learn) while others of
 * its requests are under way. */
static uint32_t dispatch_window(const struct hg_session *session)
{
    return session->port->limits->connections ? HG_SESSION_WINDOW : 2 * HG_SESSION_WINDOW;
}

static int dispatch_begin(struct hg_session *session, const struct hg_header *header, struct hg_handle **handle_out)
{
    struct hg_context *context = session->context;
    hg_return_t status = dispatch_check(context, header);
    struct hg_handle *handle;
    int error;

    if (session->local_received - session->local_taken >= dispatch_window(session))
        return -EPROTO; /* more than the window that we gave */
    session->local_received++;
    *handle_out = NULL;
    /* Those that run at most once are looked up first: to repeat one that is here takes no room. */
    if (status == HG_SUCCESS && (header->flags & HG_MESSAGE_SEQUENCED) == 0)
        status = hg_admit_check_locked(session, header);
    if (status == HG_AGAIN && UTIL_MUTANT(REFUSED_RUNS)) {
        dispatch_refuse(session, header, status);
        status = HG_SUCCESS;
    }
    if (status != HG_SUCCESS) {
        dispatch_refuse(session, header, status);
        return 0;
    }
    handle = dispatch_create(session, header);
    if (handle == NULL) {
        dispatch_refuse(session, header, HG_NOMEM);
        return 0;
    }
    status = (hg_return_t)hg_dispatch_find_rpc(context, header->rpc_id, handle);
    error = status == HG_SUCCESS ? hg_receive_reserve(handle, header) : 0;
    if (error == -ENOMEM)
        status = HG_NOMEM;
    if (status != HG_SUCCESS || error != 0) {
        hg_handle_unref_locked(handle);
        if (error == -EBADMSG)
            return error;
        dispatch_refuse(session, header, status);
        return 0;
    }
    if (!dispatch_is_new(session, header, handle))
        return 0;
    hg_admit_enter_locked(handle);
    if (hg_admit_bytes_locked(handle, handle->received.size) != 0) {
        hg_handle_unref_locked(handle);
        dispatch_refuse(session, header, HG_AGAIN);
        return 0;
    }
    hg_handle_move(handle, HG_HANDLE_RECEIVING);
    util_list_push(&session->receiving, &handle->link);
    *handle_out = handle;
    return 0;
}

/* The payload is not what was sent; the header is, so its origin can be told. */
static void dispatch_damaged(struct hg_session *session, const struct hg_header *header, struct hg_handle *handle)
{
    session->context->counters.checksum_errors++;
    hg_event(session->context->hg_class, session->addr, HG_EVENT_CHECKSUM_ERROR,
             "the input of a request from it was damaged on its way");
    hg_receive_abandon_locked(handle);
    if ((header->flags & HG_MESSAGE_FRAGMENT) != 0)
        dispatch_note_dropped(session, header->tag);
    dispatch_refuse(session, header, HG_CHECKSUM_ERROR);
}

int hg_dispatch_request_locked(struct hg_session *session, const struct hg_header *header, const unsigned char *payload)
{
    bool fragment = (header->flags & HG_MESSAGE_FRAGMENT) != 0;
    struct hg_handle *handle = fragment ? dispatch_find_receiving(session, header->tag) : NULL;
    int whole;

    if (handle == NULL) {
        int error;

        /* Later pieces of a request that was refused at the first one. */
        if (fragment && dispatch_was_dropped(session, header->tag))
            return 0;
        error = dispatch_begin(session, header, &handle);
        if (fragment && error == 0 && handle == NULL)
            dispatch_note_dropped(session, header->tag);
        if (error != 0 || handle == NULL)
            return error;
    }
    if (!hg_header_payload_intact(header, payload)) {
        dispatch_damaged(session, header, handle);
        return 0;
    }
    whole = hg_receive_copy(handle, header, payload);
    if (whole > 0)
        dispatch_received(handle, header);
    return whole < 0 ? whole : 0;
}

/* --- into the queue and out of it -------------------------------------------------------------------- */

/* The request is taken up: RUNNING, and the origin's window has room for another. Under the owner's lock. */
static bool dispatch_take(struct hg_handle *handle)
{
    struct hg_session *session = handle->session;

    if (session != NULL)
        hg_session_taken(session);
    hg_admit_taken_locked(handle);
    hg_nested_begin_locked(handle);
    hg_handle_move(handle, HG_HANDLE_RUNNING);
    hg_tally_begin(&handle->owner->tally, handle->rpc, HG_TALLY_TARGET, &handle->sample, 0);
    return true;
}

static bool dispatch_take_locked(struct hg_completion *completion)
{
    return dispatch_take(util_container_of(completion, struct hg_handle, completion));
}

/* Calls the handle-create callback until it has once succeeded for this handle. */
static hg_return_t dispatch_tell(struct hg_handle *handle)
{
    const struct hg_class *hg_class = handle->info.hg_class;
    hg_return_t ret = HG_SUCCESS;

    if (!handle->create_told && hg_class->handle_create != NULL)
        ret = hg_class->handle_create(handle, hg_class->handle_create_arg);
    if (ret == HG_SUCCESS)
        handle->create_told = true;
    else
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC,
                         "the handle-create callback refused a request for RPC id %#llx with %s: it does not run%s",
                         (unsigned long long)handle->info.id, HG_Error_to_string(ret),
                         handle->no_response ? "" : ", and its origin is told");
    return ret;
}

/* Whether the handler is to run at all, now that its turn has come. */
static hg_return_t dispatch_admit(struct hg_handle *handle, hg_rpc_cb_t callback)
{
    if (handle->cancel.withdrawn)
        return HG_CANCELED;
    if (callback == NULL)
        return HG_INVALID_ARG; /* registered anew meanwhile */
    if (hg_deadline_passed(handle)) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC,
                         "a request for RPC id %#llx does not run: its time was over before its turn came",
                         (unsigned long long)handle->info.id);
        return HG_TIMEOUT;
    }
    if (hg_admit_too_late(handle)) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC,
                         "a request for RPC id %#llx is refused: it has waited too long for its handler",
                         (unsigned long long)handle->info.id);
        return HG_AGAIN;
    }
    return dispatch_tell(handle);
}

/* Runs the handler. What it begins serves this request, until it has answered. */
static void dispatch_serve(struct hg_handle *handle, hg_rpc_cb_t callback)
{
    struct hg_nested nested = handle->parent; /* of its own: the handle may be gone when it is put back */
    const struct hg_nested *outer;

    outer = hg_nested_swap(&nested);
    (void)callback(handle);
    (void)hg_nested_swap(outer);
}

static void dispatch_run(struct hg_completion *completion)
{
    struct hg_handle *handle = util_container_of(completion, struct hg_handle, completion);
    hg_rpc_cb_t callback = atomic_load_explicit(&handle->rpc->callback, memory_order_relaxed);

    if (handle->owner != handle->info.context) {
        util_lock_take(&handle->owner->lock);
        (void)dispatch_take(handle);
        util_lock_drop(&handle->owner->lock);
    }
    handle->status = (uint32_t)dispatch_admit(handle, callback);
    if (handle->status == HG_SUCCESS) {
        dispatch_serve(handle, callback);
    } else {
        handle->refused = true;
        hg_handle_unref(handle); /* the last reference: answered with the status */
    }
}

/* Opened by the context that the origin meant: only now is it sure which one that is. */
static void dispatch_hand_over(struct hg_parcel *parcel, struct hg_context *home)
{
    struct hg_handle *handle = util_container_of(parcel, struct hg_handle, parcel);

    handle->info.context = home;
    hg_queue_push_locked(home, &handle->completion);
}

static void dispatch_discard(struct hg_parcel *parcel)
{
    struct hg_handle *handle = util_container_of(parcel, struct hg_handle, parcel);

    util_lock_take(&handle->owner->lock);
    (void)dispatch_take(handle);
    handle->status = HG_CANCELED; /* what unref answers, as to one that comes later */
    handle->refused = true;
    hg_handle_unref_locked(handle);
    util_lock_drop(&handle->owner->lock);
}

void hg_dispatch_ready_locked(struct hg_handle *handle)
{
    util_list_remove(&handle->link);
    hg_serving_add(hg_handle_serving(handle), handle);
    hg_handle_move(handle, HG_HANDLE_READY);
    hg_admit_ready_locked(handle);
    handle->completion.run = dispatch_run;
    handle->completion.take_locked = NULL;
    handle->parcel.open_locked = dispatch_hand_over;
    handle->parcel.discard = dispatch_discard;
    if (handle->target_context != handle->owner->id &&
        hg_queue_post_to(handle->info.hg_class, handle->target_context, &handle->parcel))
        return;
    /* Here, or the other context has just gone: then somebody must answer, and that is us. */
    handle->completion.take_locked = dispatch_take_locked;
    hg_queue_push_locked(handle->owner, &handle->completion);
}

void hg_dispatch_cancelled_locked(struct hg_session *session, uint64_t tag)
{
    struct hg_handle *handle = dispatch_find_receiving(session, tag);

    /* The origin is told when nothing of its memory is read any more. */
    if (handle != NULL && handle->pull != NULL)
        hg_overflow_abandon_locked(handle, tag);
    else
        hg_session_control(session, HG_MESSAGE_RELEASE, tag);
    if (handle == NULL)
        return;
    if (handle->received.missing > 0)
        dispatch_note_dropped(session, tag);
    hg_session_taken(session);
    hg_receive_abandon_locked(handle);
}

bool hg_dispatch_awaits_locked(struct hg_session *session, uint64_t tag)
{
    struct hg_handle *handle = dispatch_find_receiving(session, tag);

    if (handle == NULL)
        return false;
    if (handle->pull != NULL || handle->received.missing != handle->missing.to_come) {
        handle->missing.to_come = handle->received.missing;
        return true;
    }
    dispatch_note_dropped(session, tag);
    hg_session_taken(session);
    hg_receive_abandon_locked(handle);
    return false;
}
