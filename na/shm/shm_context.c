/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Opening and closing a context: one doorbell, under the class's name or one of its further ones.
 * The caller serialises each context; opening and closing may run beside progress of others.
 */
#include "na/shm/shm_context.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "na/shm/shm_gift.h"
#include "na/shm/shm_name.h"
#include "na/shm/shm_route.h"
#include "na/shm/shm_send.h"
#include "na/shm/shm_wait.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"

enum { MEMORY_ALIGNMENT = 64 };

static const struct shm_doorbell_upcalls context_upcalls = {
    .link_accept = shm_route_on_accept,
    .link_up = shm_route_on_up,
    .link_rung = shm_route_on_rung,
    .link_down = shm_route_on_down,
};

/* Context 0 takes the class's socket; after it was closed and opened again, and for others, there is none yet. */
static int context_open_doorbell(struct shm_context *context)
{
    struct shm_class *owner = context->owner;
    char name[NA_ADDRESS_MAX];
    struct shm_doorbell_gift gift;
    struct shm_doorbell_config config = {
        .name = name,
        .epoll_fd = context->waker.epoll_fd,
        .socket_fd = context->base.index == 0 ? owner->socket_fd : -1,
        .deaf = !owner->base.listens,
        .connect_timeout_ms = owner->connect_timeout_ms,
        .gift = &gift,
        .upcalls = &context_upcalls,
        .arg = context,
    };
    int error;

    shm_name_of_context(owner->name, context->base.index, name);
    shm_gift_encode(&(struct shm_gift){.source_context = context->base.index,
                                       .cookie_address = (uintptr_t)&owner->cookie,
                                       .cookie = owner->cookie,
                                       .table_fd = shm_table_fd(owner->table),
                                       .segment_fd = -1},
                    &gift);
    error = shm_doorbell_open(&config, &context->doorbell);
    if (error == 0 && context->base.index == 0)
        owner->socket_fd = -1;
    return error;
}

static int context_build(struct shm_context *context)
{
    int error = shm_wait_open(context);

    if (error == 0)
        error = context_open_doorbell(context);
    if (error != 0)
        return error;
    context->bounce = util_aligned(MEMORY_ALIGNMENT, SHM_RING_RECORD_MAX);
    return context->bounce != NULL ? 0 : util_detail_set(-ENOMEM, "no memory for a context");
}

/* Undoes context_build, as far as it came. */
static void context_destroy(struct shm_context *context)
{
    shm_route_free_all(context);
    shm_doorbell_close(context->doorbell);
    shm_send_close(context);
    na_waker_close(&context->waker);
    util_free(context->bounce);
    util_free(context);
}

static struct shm_context *context_alloc(struct shm_class *owner, uint8_t index, const struct na_upcalls *upcalls,
                                         void *arg)
{
    struct shm_context *context = util_calloc(1, sizeof(*context));

    if (context == NULL)
        return NULL;
    na_context_base_init(&context->base, &owner->base, index, upcalls, arg);
    context->owner = owner;
    na_waker_init(&context->waker);
    util_list_init(&context->routes);
    util_list_init(&context->polled);
    util_list_init(&context->changing);
    util_list_init(&context->copying);
    util_list_init(&context->blocked);
    return context;
}

int shm_context_open(struct na_class *base, uint8_t index, const struct na_upcalls *upcalls, void *arg,
                     struct na_context **context_out)
{
    struct shm_class *owner = shm_class_of(base);
    struct shm_context *context = context_alloc(owner, index, upcalls, arg);
    bool taken;
    int error;

    if (context == NULL)
        return util_detail_set(-ENOMEM, "no memory for a context");
    util_lock_take(&owner->lock);
    taken = owner->contexts[index] != NULL;
    if (!taken)
        owner->contexts[index] = context;
    util_lock_drop(&owner->lock);
    error = taken ? util_detail_set(-EBUSY, "context %u of %s is open already", index, base->address)
                  : context_build(context);
    if (error != 0) {
        if (!taken) {
            util_lock_take(&owner->lock);
            owner->contexts[index] = NULL;
            util_lock_drop(&owner->lock);
        }
        context_destroy(context);
        return error;
    }
    *context_out = &context->base;
    return 0;
}

void shm_context_close(struct na_context *base, uint32_t linger_ms)
{
    struct shm_context *context = shm_context_of(base);
    struct shm_class *owner = context->owner;

    /* Frames that were taken are in memory which peers have: they outlive us. */
    (void)linger_ms;
    util_lock_take(&owner->lock);
    owner->contexts[base->index] = NULL;
    util_lock_drop(&owner->lock);
    context_destroy(context);
}

void shm_context_stop_listening(struct na_context *base)
{
    shm_doorbell_stop_listening(shm_context_of(base)->doorbell);
}
