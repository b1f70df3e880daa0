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

struct hg_nested hg_nested_by_tag(const struct hg_session *session, uint64_t tag)
{
    return (struct hg_nested){
        .context = session->context,
        .session_index = session->local_index,
        .session_key = session->local_key,
        .origin_context = session->target_context,
        .tag = tag,
        .deadline_ns = UINT64_MAX,
    };
}

void hg_nested_begin_locked(struct hg_handle *handle)
{
    if (handle->session != NULL)
        handle->parent = hg_nested_by_tag(handle->session, handle->tag);
    else
        handle->parent = (struct hg_nested){.context = handle->owner, .tag = handle->tag};
    handle->parent.origin_context = handle->info.context_id;
    handle->parent.deadline_ns = handle->deadline_ns;
}

void hg_nested_rejoined_locked(struct hg_handle *handle)
{
    /* One that has not begun to run is served by nobody yet. */
    if (hg_handle_state(handle) == HG_HANDLE_RUNNING && util_list_empty(&handle->rejoined_link))
        util_list_push(&handle->owner->rejoined, &handle->rejoined_link);
}

static bool nested_is_same(const struct hg_nested *one, const struct hg_nested *other)
{
    return one->context == other->context && one->session_index == other->session_index &&
           one->session_key == other->session_key && one->origin_context == other->origin_context &&
           one->tag == other->tag;
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
    if (nested_running != NULL && nested_is_same(nested_running, &handle->parent))
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

/* Among those whose calls were tried again while they run: there are few. */
static struct hg_handle *nested_find_rejoined(const struct hg_context *context, const struct hg_nested *nested)
{
    util_list_each (node, &context->rejoined) {
        struct hg_handle *handle = util_container_of(node, struct hg_handle, rejoined_link);

        if (nested_is_same(&handle->parent, nested))
            return handle;
    }
    return NULL;
}

struct hg_handle *hg_nested_find_locked(struct hg_context *context, const struct hg_nested *nested)
{
    const struct hg_serving *serving = nested_serving(context, nested);
    struct hg_handle *handle = NULL;

    if (serving != NULL)
        handle = hg_serving_find(serving, nested->tag, nested->origin_context);
    return handle != NULL ? handle : nested_find_rejoined(context, nested);
}

bool hg_nested_over_locked(struct hg_context *context, const struct hg_nested *nested)
{
    return nested_serving(context, nested) != NULL && hg_nested_find_locked(context, nested) == NULL;
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
    handle->parent = parent->parent; /* which stays what it is while it runs */
    return HG_SUCCESS;
}
