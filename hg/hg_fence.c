/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Fences: see hg_fence.h. One is a list of bulk handles, by their ids. It is made when the first descriptor is encoded, stays
 * with its handle from call to call, and goes over to the session when a call ends early, until the peer releases it: so there
 * is no step after the encoding that could fail for want of memory.
 */

#include "hg/hg_fence.h"

#include <errno.h>
#include <string.h>

#include "bulk/bulk_handle.h"
#include "hg/hg_addr.h"
#include "hg/hg_deadline.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_log.h"

#define FENCE_FIRST 4U

/* Memory that the target may reach. */
struct hg_fence_memory {
    uint64_t id;   /* of the bulk handle; 0: it was freed before */
    bool writable; /* not only readable */
};

struct hg_fence {
    struct util_list link;        /* session->fences, once raised */
    struct util_list handle_link; /* handle->fences, while its call waits for it */
    struct hg_handle *handle;     /* that call; NULL: it waits no more */
    uint64_t tag;
    uint32_t count;
    uint32_t capacity;
    struct hg_fence_memory memory[];
};

static struct hg_fence *fence_create(uint32_t capacity)
{
    struct hg_fence *fence = util_malloc(sizeof(*fence) + capacity * sizeof(fence->memory[0]));

    if (fence == NULL)
        return NULL;
    util_list_init(&fence->link);
    util_list_init(&fence->handle_link);
    fence->handle = NULL;
    fence->tag = 0;
    fence->count = 0;
    fence->capacity = capacity;
    return fence;
}

/* Room for one more id. A fence that belongs to a handle is in no list. */
static struct hg_fence *fence_grow(struct hg_fence *fence)
{
    struct hg_fence *larger = fence_create(fence == NULL ? FENCE_FIRST : fence->capacity * 2);

    if (larger == NULL || fence == NULL)
        return larger;
    memcpy(larger->memory, fence->memory, fence->count * sizeof(fence->memory[0]));
    larger->count = fence->count;
    util_free(fence);
    return larger;
}

int hg_fence_note(struct hg_handle *handle, const struct hg_bulk *bulk)
{
    struct hg_fence *fence = handle->fence;

    if (handle->target || bulk->kind != BULK_KIND_LOCAL)
        return 0;
    if (fence == NULL || fence->count == fence->capacity) {
        fence = fence_grow(fence);
        if (fence == NULL)
            return -ENOMEM;
        handle->fence = fence;
    }
    /* Relaxed: it was described by this thread just now. */
    fence->memory[fence->count++] = (struct hg_fence_memory){
        .id = atomic_load_explicit(&bulk->id, memory_order_relaxed),
        .writable = (bulk->access & BULK_ACCESS_WRITE) != 0,
    };
    return 0;
}

void hg_fence_forget(struct hg_handle *handle)
{
    handle->fence->count = 0;
}

void hg_fence_free(struct hg_handle *handle)
{
    util_free(handle->fence);
    handle->fence = NULL;
}

bool hg_fence_is_due(const struct hg_handle *handle)
{
    return handle->fence != NULL && handle->fence->count > 0 && !handle->no_response && !handle->to_self;
}

/* --- up ------------------------------------------------------------------------------------------------ */

void hg_fence_raise_copy_locked(struct hg_fence *fence, struct hg_handle *handle, struct hg_session *session,
                                uint64_t tag)
{
    struct bulk_owner *owner = &handle->info.hg_class->bulks;

    fence->tag = tag;
    fence->handle = handle;
    for (uint32_t i = 0; i < fence->count; i++)
        if (!bulk_owner_hold(owner, fence->memory[i].id))
            fence->memory[i].id = 0;
    util_list_push(&session->fences, &fence->link);
    util_list_push(&handle->fences, &fence->handle_link);
}

void hg_fence_raise_locked(struct hg_handle *handle, uint64_t tag)
{
    struct hg_fence *fence = handle->fence;

    handle->fence = NULL;
    hg_fence_raise_copy_locked(fence, handle, handle->session, tag);
}

struct hg_fence *hg_fence_copy(const struct hg_handle *handle)
{
    struct hg_fence *copy = fence_create(handle->fence->count);

    if (copy == NULL)
        return NULL;
    copy->count = handle->fence->count;
    memcpy(copy->memory, handle->fence->memory, copy->count * sizeof(copy->memory[0]));
    return copy;
}

void hg_fence_drop(struct hg_fence *copy)
{
    util_free(copy);
}

bool hg_fence_raise_attempt_locked(struct hg_handle *handle, uint64_t tag)
{
    struct hg_fence *copy = hg_fence_copy(handle);

    if (copy != NULL)
        hg_fence_raise_copy_locked(copy, handle, handle->session, tag);
    return copy != NULL;
}

/* --- the callback -------------------------------------------------------------------------------------- */

/* The call waits for nobody any more. */
static void fence_let_through(struct hg_handle *handle)
{
    struct util_list *node;

    while ((node = util_list_pop(&handle->fences)) != NULL)
        util_container_of(node, struct hg_fence, handle_link)->handle = NULL;
    hg_queue_push_locked(handle->owner, &handle->completion);
}

void hg_fence_complete_locked(struct hg_handle *handle)
{
    const struct hg_context *owner = handle->owner;
    uint64_t grace_us = atomic_load_explicit(&owner->hg_class->bulk_grace_us, memory_order_relaxed);

    if (grace_us == 0 || atomic_load_explicit(&owner->closing, memory_order_relaxed)) {
        fence_let_through(handle);
        return;
    }
    hg_deadline_arm_locked(handle, &handle->fence_timer, util_clock_deadline_ns(grace_us * UTIL_CLOCK_NS_PER_US));
}

void hg_fence_fired(struct util_timer *timer)
{
    struct hg_handle *handle = util_container_of(timer, struct hg_handle, fence_timer);

    UTIL_LOG_INFO(UTIL_LOG_AREA_BULK, "%s has not released the memory of a call that has ended",
                  handle->info.addr->text);
    fence_let_through(handle);
}

/* --- down ---------------------------------------------------------------------------------------------- */

/* The call that waits for this fence may go on, if it was the last one. */
static void fence_leave(struct hg_fence *fence)
{
    struct hg_handle *handle = fence->handle;

    util_list_remove(&fence->handle_link);
    if (handle == NULL || hg_handle_state(handle) != HG_HANDLE_COMPLETED || !util_list_empty(&handle->fences))
        return;
    if (util_timer_armed(&handle->fence_timer))
        util_timer_disarm(&handle->owner->wheel, &handle->fence_timer);
    hg_queue_push_locked(handle->owner, &handle->completion);
}

static void fence_lower(struct hg_session *session, struct hg_fence *fence)
{
    struct bulk_owner *owner = &session->context->hg_class->bulks;

    util_list_remove(&fence->link);
    for (uint32_t i = 0; i < fence->count; i++)
        if (fence->memory[i].id != 0)
            bulk_owner_release(owner, fence->memory[i].id);
    fence_leave(fence);
    util_free(fence);
}

void hg_fence_released_locked(struct hg_session *session, uint64_t tag)
{
    util_list_each_safe (node, next, &session->fences) {
        struct hg_fence *fence = util_container_of(node, struct hg_fence, link);

        if (fence->tag == tag)
            fence_lower(session, fence);
    }
}

static bool fence_is_writable(const struct hg_fence *fence)
{
    for (uint32_t i = 0; i < fence->count; i++)
        if (fence->memory[i].writable)
            return true;
    return false;
}

bool hg_fence_session_is_due(const struct hg_session *session)
{
    util_list_each (node, &session->fences)
        if (fence_is_writable(util_container_of(node, struct hg_fence, link)))
            return true;
    util_list_each (node, &session->calls) {
        const struct hg_handle *handle = util_container_of(node, struct hg_handle, link);

        if (hg_fence_is_due(handle) && fence_is_writable(handle->fence))
            return true;
    }
    return false;
}

void hg_fence_session_ended_locked(struct hg_session *session)
{
    struct util_list *node;

    while ((node = util_list_first(&session->fences)) != NULL)
        fence_lower(session, util_container_of(node, struct hg_fence, link));
}

/* --- the last resort ----------------------------------------------------------------------------------- */

/* Whether it may be writing there. */
static bool fence_names(const struct hg_session *session, uint64_t id)
{
    util_list_each (node, &session->fences) {
        const struct hg_fence *fence = util_container_of(node, struct hg_fence, link);

        for (uint32_t i = 0; i < fence->count; i++)
            if (fence->memory[i].id == id && fence->memory[i].writable)
                return true;
    }
    return false;
}

/* A session whose peer may be writing into the memory of the handle, though that has been withdrawn, or NULL. */
static struct hg_session *fence_find_writer(const struct hg_context *context, uint64_t id)
{
    util_list_each (node, &context->sessions) {
        struct hg_session *session = util_container_of(node, struct hg_session, link);

        if (!session->port->limits->writes_halted && session->port->limits->cuttable && fence_names(session, id))
            return session;
    }
    return NULL;
}

static void fence_halt_context(struct hg_context *context, void *arg)
{
    const uint64_t *id = arg;
    struct hg_session *session;

    while ((session = fence_find_writer(context, *id)) != NULL) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_BULK,
                         "the connection with %s is cut: it may be writing into memory that is handed back",
                         session->addr->text);
        hg_session_end(session, -ECONNRESET);
    }
}

void hg_fence_halt(struct bulk_owner *owner, uint64_t id)
{
    hg_context_each(owner->user, fence_halt_context, &id);
}

hg_return_t qs_class_set_bulk_grace(hg_class_t *hg_class, uint64_t grace_us)
{
    if (hg_fork_stops(hg_class, "qs_class_set_bulk_grace"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_bulk_grace: a NULL argument");
    if (grace_us > QS_BULK_GRACE_MAX_US)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_bulk_grace: %llu us are more than %llu",
                            (unsigned long long)grace_us, (unsigned long long)QS_BULK_GRACE_MAX_US);
    atomic_store_explicit(&hg_class->bulk_grace_us, grace_us, memory_order_relaxed);
    return HG_SUCCESS;
}
