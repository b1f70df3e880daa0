/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A context's turn of progress.
 *
 * One turn looks at the doorbell when that is due, then into the ring of each route, then works on
 * transfers and on routes that change. So many rings cost a read of shared memory each, and where there
 * are many, those that have long been empty are looked at no more until their peer pokes us.
 *
 * A frame is copied out of the ring before it goes up: its sender could change it there while it is
 * checked. Callers serialise per context.
 */
#include "na/shm/shm_progress.h"

#include <errno.h>
#include <string.h>

#include "na/shm/shm_rma.h"
#include "na/shm/shm_route.h"
#include "na/shm/shm_stream.h"
#include "util/util_log.h"

enum {
    BATCH = 32,               /* records of one ring in one turn */
    POLLED_FEW = 64,          /* so many rings are always looked at */
    IDLE_TURNS = 1024,        /* of the others, those that were not empty lately */
    COPY_BUDGET = 512 * 1024, /* bytes of transfers in one turn, so that frames need not wait for them */
};

/* Frames up; all else to the transfers. Gives a negative errno value when the peer broke the protocol. */
static int progress_record(struct shm_route *route, const struct shm_ring_record *record)
{
    struct shm_context *context = route->owner;

    if (record->kind != SHM_RECORD_FRAME)
        return shm_stream_receive(route, record);
    if (record->size > SHM_FRAME_MAX)
        return -EPROTO;
    memcpy(context->bounce, record->data, record->size);
    shm_ring_take(&route->in, record);
    context->base.upcalls->frame(context->base.arg, &route->base, context->bounce, record->size);
    return 0;
}

int shm_progress_receive(struct shm_route *route)
{
    enum shm_route_state state = route->state;
    struct shm_ring_record record;
    int count = 0;
    int error = 0;

    while (count < BATCH && route->state == state) {
        error = shm_ring_peek(&route->in, &record);
        if (error <= 0)
            break;
        count++;
        error = progress_record(route, &record);
        if (error != 0)
            break;
    }
    if (route->state == SHM_ROUTE_STATE_CLOSED)
        return count;
    if (error < 0) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_NA, "%s broke the protocol of the ring: route closed",
                         route->base.text);
        shm_route_end(route, -EPROTO);
        route->error = -EPROTO; /* also when it was ending for another reason: nothing more is read */
        return count;
    }
    if (shm_ring_release(&route->in) && route->link != NULL)
        shm_doorbell_ring(route->link);
    return count;
}

/* Looks at the ring of a route no more, if that has been empty for long. */
static void progress_cool(struct shm_context *context, struct shm_route *route)
{
    if (++route->idle_turns < IDLE_TURNS || context->polled_count <= POLLED_FEW)
        return;
    shm_ring_set_polled(&route->in, false);
    if (!shm_ring_empty(&route->in)) {
        shm_ring_set_polled(&route->in, true);
        return;
    }
    util_list_remove(&route->polled_node);
    context->polled_count--;
}

static int progress_rings(struct shm_context *context)
{
    int count = 0;

    util_list_each_safe (node, next, &context->polled) {
        struct shm_route *route = util_container_of(node, struct shm_route, polled_node);

        if (shm_ring_empty(&route->in)) {
            progress_cool(context, route);
        } else if (route->state == SHM_ROUTE_STATE_UP) {
            route->idle_turns = 0;
            count += shm_progress_receive(route);
        }
    }
    return count;
}

/* Works on transfers, as long as there is budget. Those whose turn does not come are the first of the next turn, before
 * those that had theirs and want another. */
static int progress_copies(struct shm_context *context)
{
    size_t budget = COPY_BUDGET;
    struct util_list batch;
    struct util_list *node;
    int count = 0;

    util_list_init(&batch);
    util_list_splice(&batch, &context->copying);
    while (budget > 0 && (node = util_list_pop(&batch)) != NULL) {
        struct shm_route *route = util_container_of(node, struct shm_route, copy_node);

        /* The transfers of others are ended by shm_route_turn. */
        if (route->state == SHM_ROUTE_STATE_UP)
            count += shm_rma_work(route, &budget);
    }
    util_list_splice(&batch, &context->copying);
    util_list_splice(&context->copying, &batch);
    return count;
}

/* Peers ring for room only when we sleep. */
static void progress_blocked(struct shm_context *context)
{
    util_list_each_safe (node, next, &context->blocked) {
        struct shm_route *route = util_container_of(node, struct shm_route, blocked_node);

        if (shm_ring_has_room(&route->out, SHM_RING_RECORD_MAX))
            shm_route_unblock(route);
    }
}

int shm_progress_turn(struct na_context *base)
{
    struct shm_context *context = shm_context_of(base);
    int handled = 0;

    if (shm_doorbell_due(context->doorbell))
        handled += shm_doorbell_progress(context->doorbell);
    handled += progress_rings(context);
    if (!util_list_empty(&context->blocked))
        progress_blocked(context);
    if (!util_list_empty(&context->copying))
        handled += progress_copies(context);
    if (!util_list_empty(&context->changing))
        handled += shm_route_turn(context);
    return handled;
}
