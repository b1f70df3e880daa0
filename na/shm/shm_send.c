/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Frames and their way into the peer's ring. Taking a frame is copying it there, after which it is free
 * again. Callers serialise per context.
 */
#include "na/shm/shm_send.h"

#include <errno.h>
#include <string.h>

#include "na/shm/shm_progress.h"
#include "na/shm/shm_route.h"
#include "util/util_alloc.h"

enum {
    /* Of the ring, what messages without data may use alone: to withdraw all small requests that fit into the rest. */
    ROOM_KEPT = 48 * 1024,
    CHUNKS_MAX = 64, /* 2,048 frames for a context: what sessions are filling, and what was refused */
    MEMORY_ALIGNMENT = 4096,
};

/* Adds a chunk of frames to the pool; quietly does nothing when that is not possible. */
static void send_grow(struct shm_context *context)
{
    struct shm_frame_chunk *chunk;

    if (context->chunk_count == CHUNKS_MAX)
        return;
    chunk = util_calloc(1, sizeof(*chunk));
    if (chunk == NULL)
        return;
    chunk->memory = util_aligned(MEMORY_ALIGNMENT, (size_t)SHM_CHUNK_FRAMES * SHM_FRAME_MAX);
    if (chunk->memory == NULL) {
        util_free(chunk);
        return;
    }
    for (size_t i = 0; i < SHM_CHUNK_FRAMES; i++) {
        chunk->frames[i].data = chunk->memory + i * SHM_FRAME_MAX;
        chunk->frames[i].capacity = SHM_FRAME_MAX;
        chunk->frames[i].next = context->free;
        context->free = &chunk->frames[i];
    }
    chunk->next = context->chunks;
    context->chunks = chunk;
    context->chunk_count++;
}

void shm_send_close(struct shm_context *context)
{
    while (context->chunks != NULL) {
        struct shm_frame_chunk *chunk = context->chunks;

        context->chunks = chunk->next;
        util_free(chunk->memory);
        util_free(chunk);
    }
}

struct na_frame *shm_send_frame_get(struct na_context *base)
{
    struct shm_context *context = shm_context_of(base);
    struct na_frame *frame;

    if (context->free == NULL)
        send_grow(context);
    frame = context->free;
    if (frame == NULL)
        return NULL;
    context->free = frame->next;
    frame->next = NULL;
    frame->size = 0;
    return frame;
}

void shm_send_frame_put(struct na_context *base, struct na_frame *frame)
{
    struct shm_context *context = shm_context_of(base);

    frame->next = context->free;
    context->free = frame;
}

int shm_send_frame(struct na_route *base, struct na_frame *frame)
{
    struct shm_route *route = shm_route_of(base);
    unsigned char *room;

    if (route->state != SHM_ROUTE_STATE_UP)
        return shm_route_refusal(route);
    room = shm_route_reserve(route, frame->size);
    if (room == NULL)
        return -EAGAIN;
    memcpy(room, frame->data, frame->size);
    shm_ring_publish(&route->out, SHM_RECORD_FRAME, frame->size);
    shm_send_frame_put(&route->owner->base, frame);
    shm_route_notify(route);
    return 0;
}

size_t shm_send_room(struct na_route *base)
{
    struct shm_route *route = shm_route_of(base);
    size_t left;

    if (route->state != SHM_ROUTE_STATE_UP)
        return SHM_FRAME_MAX; /* what waits for the route to come up */
    left = shm_ring_free(&route->out);
    return left > ROOM_KEPT ? left - ROOM_KEPT : 0;
}
