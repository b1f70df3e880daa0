/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * One pointer for each thread, to values on the stack of whoever runs the user's code.
 */

#include "hg/hg_nested.h"

#include <stddef.h>

#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"

/* Static TLS, see hg_queue.c. */
static _Thread_local const struct hg_nested *nested_running __attribute__((tls_model("initial-exec")));

void hg_nested_of(const struct hg_handle *handle, struct hg_nested *nested)
{
    const struct hg_session *session = handle->session;

    nested->context = handle->owner;
    nested->session_index = session != NULL ? session->local_index : 0;
    nested->session_key = session != NULL ? session->local_key : 0;
    nested->origin_context = handle->info.context_id;
    nested->tag = handle->tag;
    nested->deadline_ns = handle->deadline_ns;
}

void hg_nested_now(struct hg_nested *nested)
{
    if (nested_running != NULL)
        *nested = *nested_running;
    else
        *nested = (struct hg_nested){.deadline_ns = UINT64_MAX};
}

const struct hg_nested *hg_nested_swap(const struct hg_nested *nested)
{
    const struct hg_nested *before = nested_running;

    nested_running = nested;
    return before;
}

void hg_nested_answered(const struct hg_handle *handle)
{
    const struct hg_nested *running = nested_running;
    const struct hg_session *session = handle->session;

    if (running == NULL || running->tag != handle->tag || running->context != handle->owner)
        return;
    if (session != NULL ? running->session_key == session->local_key && running->session_index == session->local_index
                        : running->session_key == 0 && running->origin_context == handle->info.context_id)
        nested_running = NULL;
}

/* Where the request is, until it is answered; NULL when its session has ended, or for another context's. */
static const struct hg_serving *nested_serving(struct hg_context *context, const struct hg_nested *nested)
{
    const struct hg_session *session;

    util_lock_assert_held(&context->lock);
    if (nested->context != context)
        return NULL;
    if (nested->session_key == 0)
        return &context->serving_self;
    session = hg_session_find(context, nested->session_index, nested->session_key);
    return session == NULL ? NULL : &session->serving;
}

struct hg_handle *hg_nested_find_locked(struct hg_context *context, const struct hg_nested *nested)
{
    const struct hg_serving *serving = nested_serving(context, nested);

    return serving == NULL ? NULL : hg_serving_find(serving, nested->tag, nested->origin_context);
}

bool hg_nested_over_locked(struct hg_context *context, const struct hg_nested *nested)
{
    const struct hg_serving *serving = nested_serving(context, nested);

    return serving != NULL && hg_serving_find(serving, nested->tag, nested->origin_context) == NULL;
}

hg_return_t qs_handle_set_parent(hg_handle_t handle, hg_handle_t parent)
{
    if (hg_fork_stops_handle(handle, "qs_handle_set_parent"))
        return HG_FAULT;
    if (handle == NULL || handle->target || (parent != HG_HANDLE_NULL && !parent->target))
        return hg_error_set(HG_INVALID_ARG, "qs_handle_set_parent: %s",
                            handle == NULL   ? "the handle is NULL"
                            : handle->target ? "the handle is that of a received request"
                                             : "the parent is not that of a received request");
    if (hg_handle_state(handle) != HG_HANDLE_IDLE)
        return hg_error_set(HG_BUSY, "qs_handle_set_parent: a call is in progress");
    handle->parent_set = true;
    handle->parent = (struct hg_nested){.deadline_ns = UINT64_MAX};
    if (parent == HG_HANDLE_NULL)
        return HG_SUCCESS;
    util_lock_take(&parent->owner->lock);
    hg_nested_of(parent, &handle->parent);
    util_lock_drop(&parent->owner->lock);
    return HG_SUCCESS;
}
