/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Calls to one's own address. A message is a parcel with a header and a payload on the heap, posted to the
 * inbox of the context that is meant; when that context opens it, the handle of the request adopts the payload,
 * and the response finds its call by tag, just as if it had come over the network. The message of the request becomes
 * that of the response, so that there is an answer also where memory has run out.
 */

#include "hg/hg_self.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "hg/hg_addr.h"
#include "hg/hg_cancel.h"
#include "hg/hg_context.h"
#include "hg/hg_dispatch.h"
#include "hg/hg_error.h"
#include "hg/hg_handle.h"
#include "hg/hg_payload.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"

struct hg_self_message {
    struct hg_parcel parcel;
    struct hg_class *hg_class; /* borrowed */
    struct hg_header header;
    uint8_t origin; /* the context that waits for the response */
    uint64_t deadline_ns;
    size_t size;
    size_t eager_size;
    void *payload; /* owned until a handle adopts it */
};

static void self_free(struct hg_self_message *message)
{
    util_free(message->payload);
    util_free(message);
}

/* Copies the encoded payload of the handle into a message without one. */
static int self_fill(struct hg_self_message *message, const struct hg_handle *handle)
{
    struct hg_outbox_payload payload;
    size_t size;

    hg_payload_view(handle, &payload);
    size = hg_payload_size(&payload);
    message->payload = util_malloc(size == 0 ? 1 : size);
    if (message->payload == NULL)
        return -ENOMEM;
    message->size = size;
    message->eager_size = payload.tail_size > 0 ? payload.head_size : size;
    if (payload.head_size > 0)
        memcpy(message->payload, payload.head, payload.head_size);
    if (payload.tail_size > 0)
        memcpy((unsigned char *)message->payload + payload.head_size, payload.tail, payload.tail_size);
    return 0;
}

static struct hg_self_message *self_create(const struct hg_handle *handle)
{
    struct hg_self_message *message = util_calloc(1, sizeof(*message));

    if (message == NULL)
        return NULL;
    message->hg_class = handle->info.hg_class;
    if (self_fill(message, handle) == 0)
        return message;
    util_free(message);
    return NULL;
}

/* Posts to a context of the class; -ENOENT when there is none with that id. @own is the context whose lock is held. */
static int self_post(struct hg_context *own, uint8_t id, struct hg_self_message *message)
{
    if (id == own->id) {
        hg_queue_post(own, &message->parcel);
        return 0;
    }
    if (!hg_queue_post_to(own->hg_class, id, &message->parcel))
        return util_detail_set(-ENOENT, "there is no context %u in this class", id);
    return 0;
}

static void self_adopt(struct hg_handle *handle, struct hg_self_message *message)
{
    if (message->payload == NULL)
        return;
    handle->received.buf = message->payload;
    handle->received.from_heap = true;
    handle->received.size = message->size;
    handle->received.eager_size = message->eager_size;
    message->payload = NULL;
}

/* Opens a response: the call is found by its tag, if it still waits. */
static void self_open_response(struct hg_parcel *parcel, struct hg_context *context)
{
    struct hg_self_message *message = util_container_of(parcel, struct hg_self_message, parcel);
    struct hg_handle *handle = hg_context_slot_find(context, message->header.tag);

    if (handle != NULL && !handle->target && handle->to_self && hg_handle_state(handle) == HG_HANDLE_SENT) {
        hg_handle_drop_received_locked(handle);
        self_adopt(handle, message);
        context->counters.rpc_resp_recv++;
        hg_handle_complete_as_locked(handle, (hg_return_t)message->header.status,
                                     message->header.type == HG_MESSAGE_NACK ? QS_OUTCOME_NOT_EXECUTED
                                                                             : QS_OUTCOME_EXECUTED);
    } else {
        context->counters.stale_frames++;
        context->counters.stale_replies++;
    }
    self_free(message);
}

static void self_discard(struct hg_parcel *parcel)
{
    self_free(util_container_of(parcel, struct hg_self_message, parcel));
}

/* Makes the message of a request the answer to it. */
static void self_turn_round(struct hg_self_message *message, hg_return_t status)
{
    message->header.type = HG_MESSAGE_NACK;
    message->header.status = (uint32_t)status;
    message->size = 0;
    message->eager_size = 0;
    message->parcel.open_locked = self_open_response;
    message->parcel.discard = self_discard;
}

/* Answers a request that will not run, by turning its message round. Owns the message. */
static void self_refuse(struct hg_context *context, struct hg_self_message *message, hg_return_t status)
{
    if ((message->header.flags & HG_MESSAGE_NO_RESPONSE) != 0) {
        self_free(message);
        return;
    }
    self_turn_round(message, status);
    if (self_post(context, message->origin, message) != 0)
        self_free(message);
}

/* A request that is never opened, because its context goes away: the origin hears that nobody did. No lock held. */
static void self_discard_request(struct hg_parcel *parcel)
{
    struct hg_self_message *message = util_container_of(parcel, struct hg_self_message, parcel);

    if ((message->header.flags & HG_MESSAGE_NO_RESPONSE) == 0) {
        self_turn_round(message, HG_CANCELED);
        if (hg_queue_post_to(message->hg_class, message->origin, &message->parcel))
            return;
    }
    self_free(message);
}

/* Opens a request: a handle adopts the payload and goes the way of one that came over the network. */
static void self_open_request(struct hg_parcel *parcel, struct hg_context *context)
{
    struct hg_self_message *message = util_container_of(parcel, struct hg_self_message, parcel);
    struct hg_handle *handle;
    hg_return_t status;
    bool fresh;

    handle = hg_context_refuses(context) ? NULL : hg_handle_get_locked(context, true, &fresh);
    if (handle != NULL)
        status = (hg_return_t)hg_dispatch_find_rpc(context, message->header.rpc_id, handle);
    else
        status = hg_context_refuses(context) ? HG_CANCELED : HG_NOMEM;
    if (status != HG_SUCCESS) {
        if (handle != NULL)
            hg_handle_unref_locked(handle);
        self_refuse(context, message, status);
        return;
    }
    hg_handle_save_answer_locked(handle);
    hg_addr_ref(context->hg_class->self);
    handle->info.addr = context->hg_class->self;
    handle->info.id = message->header.rpc_id;
    handle->info.context_id = message->origin;
    handle->target_context = context->id;
    handle->tag = message->header.tag;
    handle->to_self = true;
    handle->deadline_ns = message->deadline_ns;
    handle->no_response = (message->header.flags & HG_MESSAGE_NO_RESPONSE) != 0;
    hg_admit_enter_locked(handle);
    self_adopt(handle, message);
    handle->self_answer = message;
    context->counters.rpc_req_recv++;
    hg_dispatch_ready_locked(handle);
}

int hg_self_forward_locked(struct hg_handle *handle)
{
    struct hg_context *owner = handle->owner;
    struct hg_self_message *message = self_create(handle);
    int error;

    if (message == NULL)
        return -ENOMEM;
    message->origin = owner->id;
    message->deadline_ns = handle->deadline_ns;
    message->header.flags = handle->no_response ? HG_MESSAGE_NO_RESPONSE : 0;
    message->header.tag = handle->tag;
    message->header.rpc_id = handle->info.id;
    message->parcel.open_locked = self_open_request;
    message->parcel.discard = self_discard_request;
    error = self_post(owner, handle->info.context_id, message);
    if (error != 0) {
        self_free(message);
        return error;
    }
    owner->counters.rpc_req_sent++;
    owner->counters.rpc_oneway_sent += handle->no_response;
    hg_handle_move(handle, HG_HANDLE_SENT);
    if (handle->no_response)
        hg_handle_complete_locked(handle, HG_SUCCESS);
    return 0;
}

int hg_self_respond_locked(struct hg_handle *handle)
{
    struct hg_context *owner = handle->owner;
    struct hg_self_message *message = handle->self_answer;
    int filled;
    int error;

    assert(message != NULL && message->payload == NULL);
    handle->self_answer = NULL;
    message->size = 0;
    message->eager_size = 0;
    filled = self_fill(message, handle);
    message->header.type = handle->refused ? HG_MESSAGE_NACK : HG_MESSAGE_RESPONSE;
    message->header.tag = handle->tag;
    message->header.status = filled == 0 ? handle->status : (uint32_t)hg_error_from(filled);
    message->parcel.open_locked = self_open_response;
    message->parcel.discard = self_discard;
    error = self_post(owner, handle->info.context_id, message);
    if (error != 0)
        self_free(message);
    owner->counters.rpc_resp_sent++;
    return filled != 0 ? filled : error;
}

void hg_self_drop_answer(struct hg_handle *handle)
{
    self_free(handle->self_answer);
    handle->self_answer = NULL;
}

/* Opens a cancel: parcels keep their order, so the request has been opened before it. */
static void self_open_cancel(struct hg_parcel *parcel, struct hg_context *context)
{
    struct hg_self_message *message = util_container_of(parcel, struct hg_self_message, parcel);

    hg_cancel_self_locked(context, message->header.tag, message->origin);
    self_free(message);
}

void hg_self_cancel_locked(const struct hg_handle *handle)
{
    struct hg_context *owner = handle->owner;
    struct hg_self_message *message = util_calloc(1, sizeof(*message));

    if (message == NULL)
        return; /* the target goes on for nobody */
    message->hg_class = owner->hg_class;
    message->origin = owner->id;
    message->header.type = HG_MESSAGE_CANCEL;
    message->header.tag = handle->tag;
    message->parcel.open_locked = self_open_cancel;
    message->parcel.discard = self_discard;
    if (self_post(owner, handle->info.context_id, message) != 0)
        self_free(message);
}
