/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Frames and their way into libfabric.
 *
 * Small frames are injected: libfabric copies them, nothing comes back, and the frame is free at
 * once. Since some providers queue injected messages without a bound, at most INJECT_RUN of them
 * leave a route in a row; the next frame asks for a completion whatever its size, and only when
 * that comes is the run open again. Larger frames hold a slot until they complete; one route gets
 * at most a quarter of what the others have left of a context's slots, so that slow peers cannot stop
 * those that are not. Frames that a provider lost with a peer are kept apart, in case it mentions them
 * after all. Callers serialise per context.
 */
#include "na/ofi/ofi_send.h"

#include <string.h>

#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_mr.h"
#include "na/ofi/ofi_route.h"
#include "na/ofi/ofi_wait.h"
#include "util/util_alloc.h"
#include "util/util_log.h"

enum {
    CHUNK_FRAMES = 32,
    CHUNKS_MAX = 256, /* 8,192 frames for a context, most of them for what sessions are filling or keep waiting */
    SLOT_SHARE = 4,
    MEMORY_ALIGNMENT = 4096,
};

/* Adds a chunk of frames to the pool; quietly does nothing when that is not possible. */
static void send_grow(struct ofi_context *context)
{
    struct ofi_send *send = &context->send;
    size_t frame_max = context->owner->base.limits.frame_max;
    struct ofi_frame_chunk *chunk;
    void *desc = NULL;

    if (send->chunk_count == CHUNKS_MAX)
        return;
    chunk = util_calloc(1, sizeof(*chunk));
    if (chunk == NULL)
        return;
    chunk->frames = util_calloc(CHUNK_FRAMES, sizeof(*chunk->frames));
    chunk->memory = util_aligned(MEMORY_ALIGNMENT, CHUNK_FRAMES * frame_max);
    if (chunk->frames == NULL || chunk->memory == NULL ||
        ofi_mr_local(context->owner, chunk->memory, CHUNK_FRAMES * frame_max, FI_SEND, &chunk->mr, &desc) != 0) {
        util_free(chunk->memory);
        util_free(chunk->frames);
        util_free(chunk);
        return;
    }
    for (size_t i = 0; i < CHUNK_FRAMES; i++) {
        struct ofi_frame *frame = &chunk->frames[i];
        frame->op.kind = OFI_OP_KIND_SEND;
        frame->desc = desc;
        frame->base.data = chunk->memory + i * frame_max;
        frame->base.capacity = frame_max;
        util_list_init(&frame->node);
        frame->base.next = send->free;
        send->free = &frame->base;
    }
    chunk->next = send->chunks;
    send->chunks = chunk;
    send->chunk_count++;
}

void ofi_send_open(struct ofi_context *context)
{
    util_list_init(&context->send.lost);
}

void ofi_send_close(struct ofi_context *context)
{
    struct ofi_frame_chunk *chunk = context->send.chunks;

    while (chunk != NULL) {
        struct ofi_frame_chunk *next = chunk->next;
        if (chunk->mr != NULL)
            (void)fi_close(&chunk->mr->fid);
        util_free(chunk->memory);
        util_free(chunk->frames);
        util_free(chunk);
        chunk = next;
    }
    memset(&context->send, 0, sizeof(context->send));
    util_list_init(&context->send.lost);
}

/* The frame is not one that libfabric may still name. */
static void send_find(struct ofi_send *send, struct ofi_frame *frame)
{
    util_list_remove(&frame->node);
    frame->lost = false;
    frame->base.next = send->free;
    send->free = &frame->base;
}

struct na_frame *ofi_send_frame_get(struct na_context *base)
{
    struct ofi_send *send = &ofi_context_of(base)->send;
    struct na_frame *frame;

    if (send->free == NULL)
        send_grow(ofi_context_of(base));
    /* The pool is at its bound: the oldest of the lost has had the longest time to be mentioned. */
    if (send->free == NULL && !util_list_empty(&send->lost))
        send_find(send, util_container_of(util_list_first(&send->lost), struct ofi_frame, node));
    frame = send->free;
    if (frame == NULL)
        return NULL;
    send->free = frame->next;
    frame->next = NULL;
    frame->size = 0;
    return frame;
}

void ofi_send_frame_put(struct na_context *base, struct na_frame *frame)
{
    struct ofi_send *send = &ofi_context_of(base)->send;

    frame->next = send->free;
    send->free = frame;
}

/* The calls differ by what the receiver needs to be told: over a connection, which route it is. */
static ssize_t send_inject(struct ofi_route *route, const struct na_frame *frame)
{
    if (route->owner->owner->connected)
        return fi_injectdata(route->ep, frame->data, frame->size, route->peer_id, FI_ADDR_UNSPEC);
    return fi_inject(route->ep, frame->data, frame->size, route->addr);
}

static ssize_t send_post(struct ofi_route *route, struct ofi_frame *frame)
{
    if (route->owner->owner->connected)
        return fi_senddata(route->ep, frame->base.data, frame->base.size, frame->desc, route->peer_id, FI_ADDR_UNSPEC,
                           &frame->op.context);
    return fi_send(route->ep, frame->base.data, frame->base.size, frame->desc, route->addr, &frame->op.context);
}

/* Sends without a completion: 1 done, 0 not a case for it, else the error. */
static ssize_t send_try_inject(struct ofi_route *route, struct na_frame *frame)
{
    ssize_t ret;

    if (frame->size > route->owner->owner->base.limits.inject_size || route->inject_left == 0)
        return 0;
    ret = send_inject(route, frame);
    if (ret != 0)
        return ret;
    route->inject_left--;
    ofi_send_frame_put(&route->owner->base, frame);
    return 1;
}

/* A quarter of the slots is kept for routes that have none; beyond them it is one each, unless a queue of the provider might overflow. */
static bool send_has_slot(const struct ofi_route *route)
{
    const struct ofi_context *context = route->owner;
    const struct ofi_class *owner = context->owner;
    uint32_t most = owner->slots - owner->slots / SLOT_SHARE;

    if (route->tx_count == 0)
        return context->send.inflight < owner->slots || (owner->connected && !owner->provider->exact_queue);
    return context->send.inflight < most && route->tx_count < (most - context->send.inflight) / SLOT_SHARE;
}

/* Sends with a completion: 1 done, 0 there is no slot for it, else the error. */
static ssize_t send_with_slot(struct ofi_route *route, struct ofi_frame *frame)
{
    struct ofi_context *context = route->owner;
    ssize_t ret;

    if (!send_has_slot(route))
        return 0;
    ret = send_post(route, frame);
    if (ret != 0)
        return ret;
    frame->route = route;
    util_list_push(&route->tx, &frame->node);
    route->tx_count++;
    context->send.inflight++;
    return 1;
}

int ofi_send_frame(struct na_route *base, struct na_frame *frame)
{
    struct ofi_route *route = ofi_route_of(base);
    ssize_t ret;

    if (route->state == OFI_ROUTE_STATE_CONNECTING || route->state == OFI_ROUTE_STATE_ACCEPTING)
        return -EAGAIN;
    if (route->state != OFI_ROUTE_STATE_UP)
        return route->error != 0 ? route->error : -ECONNRESET;
    ret = send_try_inject(route, frame);
    if (ret == 0)
        ret = send_with_slot(route, util_container_of(frame, struct ofi_frame, base));
    if (ret > 0) {
        ofi_route_sent(route);
        return 0;
    }
    if (ret == 0)
        return -EAGAIN; /* libfabric was not asked, so this says nothing of the peer */
    if (ret == -FI_EAGAIN) {
        ofi_route_refused(route);
        return -EAGAIN;
    }
    util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_OFI, "%s: a frame of %zu bytes was refused: %s",
                     route->base.text, frame->size, ofi_error_text(ret));
    ofi_route_end(route, ofi_error_route((int)-ret));
    return route->error;
}

/* Gives the slot of the frame's route back. */
static void send_leave(struct ofi_route *route, struct ofi_frame *frame)
{
    util_list_remove(&frame->node);
    frame->route = NULL;
    route->tx_count--;
    route->owner->send.inflight--;
}

/* The same, and the frame. */
static void send_return(struct ofi_route *route, struct ofi_frame *frame)
{
    send_leave(route, frame);
    ofi_send_frame_put(&route->owner->base, &frame->base);
}

void ofi_send_done(struct ofi_context *context, struct ofi_frame *frame, int err)
{
    struct ofi_route *route = frame->route;

    if (frame->lost) /* given up before, and mentioned all the same */
        send_find(&context->send, frame);
    if (route == NULL)
        return;
    if (err != 0 && context->owner->connected) {
        send_leave(route, frame);
        util_list_push(&route->tx_spent, &frame->node);
    } else {
        send_return(route, frame);
    }
    if (err == 0)
        route->inject_left = OFI_ROUTE_INJECT_RUN;
    else
        ofi_route_end(route, ofi_error_route(err));
    ofi_route_settled(route);
}

void ofi_send_free_spent(struct ofi_route *route)
{
    struct util_list *node;

    while ((node = util_list_pop(&route->tx_spent)) != NULL)
        ofi_send_frame_put(&route->owner->base, &util_container_of(node, struct ofi_frame, node)->base);
}

void ofi_send_reclaim(struct ofi_route *route)
{
    struct util_list *node;

    while ((node = util_list_first(&route->tx)) != NULL)
        send_return(route, util_container_of(node, struct ofi_frame, node));
}

void ofi_send_give_up(struct ofi_route *route)
{
    struct util_list *node;

    while ((node = util_list_first(&route->tx)) != NULL) {
        struct ofi_frame *frame = util_container_of(node, struct ofi_frame, node);

        send_leave(route, frame);
        frame->lost = true;
        util_list_push(&route->owner->send.lost, &frame->node);
    }
}
