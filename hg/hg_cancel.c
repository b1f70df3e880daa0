/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Cancelling. At the origin the call ends at once, and a message tells the target. There, a request whose handler has
 * not begun to run never does; one that runs learns of it by a flag and, if it asked for that, by a callback. Bulk transfers
 * between the handler and the memory of whoever has cancelled are cancelled, too, since that memory is handed back. Calls that
 * serve the request are cancelled where the user wants it: a handler written for Mercury does not expect its calls to end
 * because another process lost interest.
 */

#include "hg/hg_cancel.h"

#include "hg/hg_bulk_api.h"
#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_dispatch.h"
#include "hg/hg_error.h"
#include "hg/hg_fence.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "hg/hg_left.h"
#include "hg/hg_overflow.h"
#include "hg/hg_respond.h"
#include "hg/hg_self.h"
#include "mercury.h"

/* --- origin ---------------------------------------------------------------------------------------------- */

void hg_cancel_call_locked(struct hg_handle *handle, hg_return_t ret)
{
    enum hg_handle_state state = hg_handle_state(handle);
    struct hg_session *session = handle->session;
    uint64_t tag = handle->tag;
    struct util_list left; /* earlier attempts that may be running */
    bool tell =
        session != NULL && (state == HG_HANDLE_SENT || (state == HG_HANDLE_WAITING && handle->encoded.sent > 0));

    util_list_init(&left);
    if (handle->to_self)
        hg_self_cancel_locked(handle);
    if (tell && handle->exposure != NULL)
        hg_overflow_orphan_locked(handle, tag);
    /* Before it was sent whole, the target runs nothing. */
    if (tell && state == HG_HANDLE_SENT && hg_fence_is_due(handle))
        hg_fence_raise_locked(handle, tag);
    if (handle->retry.peer != NULL && state != HG_HANDLE_PULLING) /* else its answer has come */
        hg_left_take_locked(handle, &left);
    hg_handle_complete_locked(handle, ret);
    if (tell)
        hg_session_control(session, HG_MESSAGE_CANCEL, tag);
    hg_left_cancel_locked(&left);
}

hg_return_t HG_Cancel(hg_handle_t handle)
{
    struct hg_context *owner;
    enum hg_handle_state state;

    if (hg_fork_stops_handle(handle, "HG_Cancel"))
        return HG_FAULT;
    if (handle == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Cancel: a NULL argument");
    owner = handle->owner;
    util_lock_take(&owner->lock);
    state = hg_handle_state(handle);
    if (state == HG_HANDLE_WAITING || state == HG_HANDLE_SENT || state == HG_HANDLE_PULLING) {
        owner->counters.cancels++;
        hg_cancel_call_locked(handle, HG_CANCELED);
    }
    util_lock_drop(&owner->lock);
    return HG_SUCCESS;
}

/* --- what serves a request ------------------------------------------------------------------------------- */

bool hg_cancel_nested_wanted(const struct hg_class *hg_class)
{
    return atomic_load_explicit(&hg_class->cancel_nested, memory_order_relaxed);
}

bool hg_cancel_join_locked(struct hg_handle *handle)
{
    struct hg_handle *parent;

    if (!handle->parent_set && !hg_cancel_nested_wanted(handle->info.hg_class))
        return true;
    parent = hg_nested_find_locked(handle->owner, &handle->parent);
    if (parent == NULL)
        return true;
    if (qs_handle_cancelled(parent))
        return false;
    util_list_push(&parent->children, &handle->parent_link);
    return true;
}

void hg_cancel_answered_locked(struct hg_handle *handle)
{
    hg_serving_remove(hg_handle_serving(handle), handle);
    util_list_remove(&handle->rejoined_link);
    while (util_list_pop(&handle->children) != NULL)
        continue;
    while (util_list_pop(&handle->transfers) != NULL)
        continue;
}

/* Ends what was begun to serve the request. */
static void cancel_children(struct hg_handle *handle)
{
    struct util_list *node;

    while ((node = util_list_pop(&handle->children)) != NULL) {
        struct hg_handle *child = util_container_of(node, struct hg_handle, parent_link);

        child->owner->counters.cancels++;
        hg_cancel_call_locked(child, HG_CANCELED);
    }
    hg_bulk_api_cancel_all_locked(&handle->transfers);
}

/* --- target ---------------------------------------------------------------------------------------------- */

/* Its turn has come: by now it may be answered. */
static bool cancel_take_locked(struct hg_completion *completion)
{
    struct hg_handle *handle = util_container_of(completion, struct hg_handle, cancel.completion);

    if (hg_handle_state(handle) == HG_HANDLE_RUNNING)
        return true;
    hg_handle_unref_locked(handle);
    return false;
}

/* The same where another context holds the lock of the request than the one that runs the callback. */
static bool cancel_is_due(struct hg_handle *handle)
{
    bool due;

    if (handle->info.context == handle->owner)
        return true;
    util_lock_take(&handle->owner->lock);
    due = hg_handle_state(handle) == HG_HANDLE_RUNNING;
    util_lock_drop(&handle->owner->lock);
    return due;
}

static void cancel_run(struct hg_completion *completion)
{
    struct hg_handle *handle = util_container_of(completion, struct hg_handle, cancel.completion);

    if (cancel_is_due(handle))
        handle->cancel.callback(handle, handle->cancel.arg);
    hg_handle_unref(handle);
}

static void cancel_hand_over(struct hg_parcel *parcel, struct hg_context *home)
{
    struct hg_handle *handle = util_container_of(parcel, struct hg_handle, cancel.parcel);

    hg_queue_push_locked(home, &handle->cancel.completion);
}

static void cancel_discard(struct hg_parcel *parcel)
{
    hg_handle_unref(util_container_of(parcel, struct hg_handle, cancel.parcel));
}

/* Has the user's callback called by the context that runs the handler. */
static void cancel_tell(struct hg_handle *handle)
{
    struct hg_context *home = handle->info.context;

    if (handle->cancel.callback == NULL || !hg_handle_ref_if_held(handle))
        return;
    handle->cancel.completion.run = cancel_run;
    handle->cancel.completion.take_locked = home == handle->owner ? cancel_take_locked : NULL;
    handle->cancel.parcel.open_locked = cancel_hand_over;
    handle->cancel.parcel.discard = cancel_discard;
    if (home == handle->owner)
        hg_queue_push_locked(home, &handle->cancel.completion);
    else if (!hg_queue_post_to(handle->info.hg_class, handle->target_context, &handle->cancel.parcel))
        hg_handle_unref_locked(handle);
}

/* Nobody waits for the answer any more. The state is RECEIVING, READY or RUNNING. */
static void cancel_request(struct hg_handle *handle)
{
    if (qs_handle_cancelled(handle))
        return;
    /* Relaxed: a hint, which is read at any time. */
    atomic_store_explicit(&handle->cancel.is, true, memory_order_relaxed);
    handle->owner->counters.cancelled++;
    hg_tally_get(&handle->owner->tally, handle->rpc)->cancelled++;
    if (hg_handle_state(handle) != HG_HANDLE_RUNNING)
        return;
    cancel_tell(handle);
    cancel_children(handle);
}

/* The origin takes its request back: it does not run if it has not begun to. */
static void cancel_withdraw(struct hg_handle *handle)
{
    /* Once it runs, the field is read without the lock. */
    if (hg_handle_state(handle) != HG_HANDLE_RUNNING)
        handle->cancel.withdrawn = true;
    cancel_request(handle);
}

void hg_cancel_received_locked(struct hg_session *session, uint64_t tag)
{
    struct hg_handle *handle = hg_serving_find(&session->serving, tag, session->target_context);
    bool moving = hg_bulk_api_withdraw_locked(session, tag, handle);

    if (handle != NULL)
        cancel_withdraw(handle);
    else
        hg_respond_unwanted_locked(session, tag);
    if (moving)
        return;
    if (handle == NULL) {
        hg_dispatch_cancelled_locked(session, tag);
    } else {
        hg_session_control(session, HG_MESSAGE_RELEASE, tag); /* its input is here, all of it */
    }
}

void hg_cancel_self_locked(struct hg_context *context, uint64_t tag, uint8_t origin_context)
{
    struct hg_handle *handle = hg_serving_find(&context->serving_self, tag, origin_context);

    if (handle != NULL)
        cancel_withdraw(handle);
}

/* What is queued still runs: an origin may send its calls and leave. */
void hg_cancel_session_locked(struct hg_session *session)
{
    struct util_list *buckets;
    uint32_t count = hg_serving_buckets(&session->serving, &buckets);

    for (uint32_t i = 0; i < count; i++) {
        util_list_each_safe (node, next, &buckets[i]) {
            struct hg_handle *handle = util_container_of(node, struct hg_handle, link);

            /* Nor is one given up whose origin may ask again. */
            if (!handle->no_response && handle->once.origin == NULL)
                cancel_request(handle);
        }
    }
}

static void cancel_withdraw_all(struct hg_serving *serving)
{
    struct util_list *buckets;
    uint32_t count = hg_serving_buckets(serving, &buckets);

    for (uint32_t i = 0; i < count; i++)
        util_list_each_safe (node, next, &buckets[i])
            cancel_withdraw(util_container_of(node, struct hg_handle, link));
}

void hg_cancel_all_locked(struct hg_context *context)
{
    util_list_each (node, &context->sessions) {
        struct hg_session *session = util_container_of(node, struct hg_session, link);

        cancel_withdraw_all(&session->serving);
        util_list_each (coming, &session->receiving)
            cancel_withdraw(util_container_of(coming, struct hg_handle, link));
    }
    cancel_withdraw_all(&context->serving_self);
}

/* --- the interface ----------------------------------------------------------------------------------------- */

bool qs_handle_cancelled(hg_handle_t handle)
{
    return handle != NULL && atomic_load_explicit(&handle->cancel.is, memory_order_relaxed);
}

hg_return_t qs_handle_set_cancel_callback(hg_handle_t handle, qs_cancel_cb_t callback, void *arg)
{
    hg_return_t ret = HG_SUCCESS;

    if (hg_fork_stops_handle(handle, "qs_handle_set_cancel_callback"))
        return HG_FAULT;
    if (handle == NULL || !handle->target)
        return hg_error_set(HG_INVALID_ARG, "qs_handle_set_cancel_callback: %s",
                            handle == NULL ? "the handle is NULL" : "the handle was not received");
    util_lock_take(&handle->owner->lock);
    if (qs_handle_cancelled(handle)) {
        ret = hg_error_set(HG_CANCELED, "qs_handle_set_cancel_callback: the call has been cancelled already");
    } else if (hg_handle_state(handle) != HG_HANDLE_RUNNING) {
        ret = hg_error_set(HG_BUSY, "qs_handle_set_cancel_callback: the handle is %s",
                           hg_handle_state_text(hg_handle_state(handle)));
    } else {
        handle->cancel.callback = callback;
        handle->cancel.arg = arg;
    }
    util_lock_drop(&handle->owner->lock);
    return ret;
}

hg_return_t qs_class_set_cancel_nested(hg_class_t *hg_class, bool cancel_nested)
{
    if (hg_fork_stops(hg_class, "qs_class_set_cancel_nested"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_cancel_nested: a NULL argument");
    atomic_store_explicit(&hg_class->cancel_nested, cancel_nested, memory_order_relaxed);
    return HG_SUCCESS;
}
