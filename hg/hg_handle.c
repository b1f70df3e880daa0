/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Handles: where they come from and go back to, their references, and the table of their moves. Handles
 * are kept for reuse by the context that made them, with the buffers that they have grown; those of
 * received requests also keep the user's data from one request to the next, as Mercury's do.
 */

#include "hg/hg_handle.h"

#include <assert.h>
#include <errno.h>

#include "hg/hg_addr.h"
#include "hg/hg_deadline.h"
#include "hg/hg_fence.h"
#include "hg/hg_options.h"
#include "hg/hg_overflow.h"
#include "hg/hg_payload.h"
#include "hg/hg_respond.h"
#include "hg/hg_self.h"
#include "util/util_alloc.h"
#include "util/util_hook.h"
#include "util/util_log.h"

/* Handles of each kind that a context keeps for reuse; more are freed. */
#define HANDLE_IDLE_MAX 4096U

#define MOVE(state) (1U << (state))

/* From each state, the states that may follow. */
static const unsigned int handle_moves[HG_HANDLE_STATES] __attribute__((unused)) = {
    [HG_HANDLE_IDLE] =
        MOVE(HG_HANDLE_WAITING) | MOVE(HG_HANDLE_RECEIVING) | MOVE(HG_HANDLE_READY) | MOVE(HG_HANDLE_RESPONDING),
    [HG_HANDLE_WAITING] = MOVE(HG_HANDLE_SENT) | MOVE(HG_HANDLE_COMPLETED),
    [HG_HANDLE_SENT] = MOVE(HG_HANDLE_WAITING) | MOVE(HG_HANDLE_PULLING) | MOVE(HG_HANDLE_COMPLETED),
    [HG_HANDLE_PULLING] = MOVE(HG_HANDLE_WAITING) | MOVE(HG_HANDLE_COMPLETED),
    [HG_HANDLE_COMPLETED] = MOVE(HG_HANDLE_IDLE),
    [HG_HANDLE_RECEIVING] = MOVE(HG_HANDLE_READY) | MOVE(HG_HANDLE_IDLE),
    [HG_HANDLE_READY] = MOVE(HG_HANDLE_RUNNING) | MOVE(HG_HANDLE_IDLE),
    [HG_HANDLE_RUNNING] = MOVE(HG_HANDLE_RESPONDING) | MOVE(HG_HANDLE_RESPONDED),
    [HG_HANDLE_RESPONDING] = MOVE(HG_HANDLE_RESPONDED),
    [HG_HANDLE_RESPONDED] = MOVE(HG_HANDLE_IDLE),
};

static const char *const handle_state_texts[HG_HANDLE_STATES] = {
    [HG_HANDLE_IDLE] = "idle",           [HG_HANDLE_WAITING] = "waiting",     [HG_HANDLE_SENT] = "sent",
    [HG_HANDLE_PULLING] = "pulling",     [HG_HANDLE_COMPLETED] = "completed", [HG_HANDLE_RECEIVING] = "receiving",
    [HG_HANDLE_READY] = "ready",         [HG_HANDLE_RUNNING] = "running",     [HG_HANDLE_RESPONDING] = "responding",
    [HG_HANDLE_RESPONDED] = "responded",
};

const char *hg_handle_state_text(enum hg_handle_state state)
{
    return handle_state_texts[state];
}

void hg_handle_move(struct hg_handle *handle, enum hg_handle_state to)
{
    enum hg_handle_state from = hg_handle_state(handle);

    util_lock_assert_held(&handle->owner->lock);
    assert((handle_moves[from] & MOVE(to)) != 0);
    (void)from;
    atomic_store_explicit(&handle->state, to, memory_order_relaxed);
    util_hook_call(UTIL_HOOK_HANDLE_MOVED, handle);
}

static struct hg_handle *handle_create(struct hg_context *context, bool target)
{
    struct hg_handle *handle = util_calloc(1, sizeof(*handle));

    if (handle == NULL)
        return NULL;
    handle->owner = context;
    handle->target = target;
    handle->info.hg_class = context->hg_class;
    handle->deadline_ns = UINT64_MAX;
    util_list_init(&handle->link);
    util_list_init(&handle->idle_link);
    util_list_init(&handle->children);
    util_list_init(&handle->transfers);
    util_list_init(&handle->parent_link);
    util_list_init(&handle->rejoined_link);
    util_list_init(&handle->fences);
    util_list_init(&handle->cancel.completion.link);
    util_list_init(&handle->completion.link);
    util_timer_init(&handle->timer, hg_deadline_fired);
    util_list_init(&handle->retry.left);
    util_timer_init(&handle->retry.timer, hg_retry_fired);
    util_timer_init(&handle->fence_timer, hg_fence_fired);
    util_list_push(&context->handles_all, &handle->all_link);
    context->handles_count[target]++;
    return handle;
}

static void handle_push_idle(struct hg_handle *handle)
{
    struct hg_context *owner = handle->owner;

    util_list_push_front(handle->target ? &owner->handles_idle_target : &owner->handles_idle_origin,
                         &handle->idle_link);
    owner->handles_idle_count[handle->target]++;
}

int hg_handle_prepare_locked(struct hg_context *context, uint32_t count)
{
    for (; count > 0; count--) {
        struct hg_handle *handle = handle_create(context, true);

        if (handle == NULL)
            return -ENOMEM;
        handle_push_idle(handle);
    }
    return 0;
}

bool hg_handle_exhausted_locked(const struct hg_context *context)
{
    return context->handles_idle_count[1] == 0 &&
           context->handles_count[1] >= hg_options_requests_max(&context->hg_class->options);
}

/* Makes as many as the options say, of which the caller takes one. */
static struct hg_handle *handle_grow(struct hg_context *context, bool target)
{
    struct hg_handle *handle = handle_create(context, target);
    uint32_t more = hg_options_requests_more(&context->hg_class->options);

    if (handle != NULL && target && more > 1)
        (void)hg_handle_prepare_locked(context, more - 1); /* fewer will do */
    return handle;
}

struct hg_handle *hg_handle_get_locked(struct hg_context *context, bool target, bool *fresh)
{
    struct util_list *idle = target ? &context->handles_idle_target : &context->handles_idle_origin;
    struct util_list *node = util_list_first(idle);
    struct hg_handle *handle;

    util_lock_assert_held(&context->lock);
    *fresh = node == NULL;
    if (node == NULL) {
        handle = handle_grow(context, target);
        if (handle == NULL)
            return NULL;
    } else {
        handle = util_container_of(node, struct hg_handle, idle_link);
        util_list_remove(node);
        context->handles_idle_count[target]--;
    }
    handle->info.context = context;
    handle->info.addr = NULL;
    handle->info.id = 0;
    handle->info.context_id = 0;
    atomic_store_explicit(&handle->refs, 1, memory_order_relaxed);
    return handle;
}

void hg_handle_destroy(struct hg_handle *handle)
{
    hg_user_data_free(&handle->user);
    hg_handle_save_answer_locked(handle);
    hg_deadline_drop_locked(handle);
    util_list_remove(&handle->all_link);
    util_list_remove(&handle->idle_link);
    handle->owner->handles_count[handle->target]--;
    util_free(handle->encoded.buf);
    util_free(handle->encoded.extra);
    hg_fence_free(handle);
    util_free(handle);
}

void hg_handle_drop_received_locked(struct hg_handle *handle)
{
    struct hg_handle_received *received = &handle->received;

    if (received->buf == NULL)
        return;
    if (received->from_heap)
        util_free(received->buf);
    else
        util_bufs_put(&handle->owner->bufs, received->buf);
    *received = (struct hg_handle_received){0};
}

void hg_handle_drop_session_locked(struct hg_handle *handle)
{
    if (handle->session == NULL)
        return;
    hg_session_unref(handle->session);
    handle->session = NULL;
}

/* Whether an idle handle stays: those that were asked for do, those beyond the limit do not. */
static bool handle_is_kept(const struct hg_handle *handle)
{
    const struct hg_init_info *options = &handle->info.hg_class->options;
    const struct hg_context *owner = handle->owner;

    if (!handle->target)
        return owner->handles_idle_count[0] < HANDLE_IDLE_MAX;
    if (owner->handles_count[1] > hg_options_requests_max(options))
        return false;
    return owner->handles_idle_count[1] < HANDLE_IDLE_MAX ||
           owner->handles_idle_count[1] < hg_options_requests_first(options);
}

/* HG_Trigger has come to a handle that is to end, outside the lock. */
static void handle_end_run(struct hg_completion *completion)
{
    struct hg_handle *handle = util_container_of(completion, struct hg_handle, completion);
    struct hg_context *owner = handle->owner;

    hg_user_data_free(&handle->user);
    util_lock_take(&owner->lock);
    hg_handle_destroy(handle);
    util_lock_drop(&owner->lock);
}

/* Ends a handle that is not kept; where that runs the user's code, HG_Trigger does it. */
static void handle_end_locked(struct hg_handle *handle)
{
    if (handle->user.free_callback == NULL || handle->user.data == NULL) {
        hg_handle_destroy(handle);
        return;
    }
    handle->completion.take_locked = NULL;
    handle->completion.run = handle_end_run;
    hg_queue_push_locked(handle->owner, &handle->completion);
}

/* Back to the context's cache, or to the heap when that is full. */
static void handle_recycle_locked(struct hg_handle *handle)
{
    assert(hg_handle_state(handle) == HG_HANDLE_IDLE);
    if (handle->once.origin != NULL && !handle->once.answered)
        hg_once_forget(handle);
    hg_admit_leave_locked(handle);
    hg_handle_drop_received_locked(handle);
    handle->received.released = false;
    hg_handle_drop_session_locked(handle);
    hg_overflow_free_locked(handle);
    if (handle->encoded.extra != NULL)
        hg_payload_drop_extra(handle);
    hg_addr_unref(handle->info.addr);
    handle->info.addr = NULL;
    handle->rpc = NULL;
    handle->timeout_us = 0;
    handle->deadline_ns = UINT64_MAX;
    handle->to_self = false;
    if (handle->self_answer != NULL)
        hg_self_drop_answer(handle);
    handle->status = 0;
    handle->refused = false;
    handle->cancel.callback = NULL;
    handle->cancel.withdrawn = false;
    atomic_store_explicit(&handle->cancel.is, false, memory_order_relaxed);
    handle->ended = false;
    handle->parent_set = false;
    handle->retry.asked_set = false;
    handle->release_tag = 0;
    handle->encoded.shown = false;
    if (handle_is_kept(handle))
        handle_push_idle(handle);
    else
        handle_end_locked(handle);
}

void hg_handle_ref(struct hg_handle *handle)
{
    /* Relaxed: whoever adds a reference holds one. */
    (void)atomic_fetch_add_explicit(&handle->refs, 1, memory_order_relaxed);
}

bool hg_handle_ref_if_held(struct hg_handle *handle)
{
    int refs = atomic_load_explicit(&handle->refs, memory_order_relaxed);

    /* Relaxed: nothing is learnt of what others did with theirs. */
    while (refs > 0)
        if (atomic_compare_exchange_weak_explicit(&handle->refs, &refs, refs + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}

/* True when the caller dropped the last reference and everything that others did with theirs is visible. */
static bool handle_last_ref(struct hg_handle *handle)
{
    int before = atomic_fetch_sub_explicit(&handle->refs, 1, memory_order_acq_rel);

    assert(before > 0);
    return before == 1;
}

/* The last reference went. A handler that ended without answering is answered for; the answer holds a reference
 * again, and the handle comes back here when it has left. */
static void handle_ended_locked(struct hg_handle *handle)
{
    if (hg_handle_state(handle) == HG_HANDLE_RUNNING && hg_respond_instead_locked(handle))
        return;
    if (handle->target && hg_handle_state(handle) == HG_HANDLE_RESPONDED)
        hg_handle_move(handle, HG_HANDLE_IDLE);
    handle_recycle_locked(handle);
}

void hg_handle_unref(struct hg_handle *handle)
{
    struct hg_context *owner = handle->owner;

    if (!handle_last_ref(handle))
        return;
    if (!handle->target)
        hg_user_data_free(&handle->user); /* runs the user's code, hence before the lock */
    util_lock_take(&owner->lock);
    handle_ended_locked(handle);
    util_lock_drop(&owner->lock);
}

void hg_handle_unref_locked(struct hg_handle *handle)
{
    if (handle_last_ref(handle))
        handle_ended_locked(handle);
}
