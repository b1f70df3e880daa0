/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The queues of a context's transfers: see bulk_env.h. The steps of one transfer are in
 * bulk_transfer.c; this file decides whose turn it is.
 *
 * A done call may start, cancel and free transfers, so every loop here takes the front of a queue
 * rather than walking it.
 */
#include "bulk/bulk_env.h"

#include <assert.h>
#include <string.h>

#include "bulk/bulk_transfer.h"

/* After so many refusals in a row the rest waits for the next turn: they would mostly be refused
 * too, and a turn of progress has other work. The queue rotates, so all are reached. */
#define BULK_ENV_REFUSALS_MAX 16U

/* For a transport that leaves these limits open. */
#define BULK_ENV_CHUNK_SIZE ((size_t)1 << 20)
#define BULK_ENV_DEPTH      4U

size_t bulk_env_piece_size(void)
{
    return sizeof(struct bulk_transfer_piece);
}

static struct bulk_env_way bulk_env_way_of(const struct na_limits *limits)
{
    struct bulk_env_way way = {
        .chunk_size = limits->rma_chunk > 0 ? limits->rma_chunk : BULK_ENV_CHUNK_SIZE,
        .depth = limits->rma_depth > 0 ? limits->rma_depth : BULK_ENV_DEPTH,
        .pieces_max = limits->rma_count > 0 ? limits->rma_count : UINT32_MAX,
        .lane_bytes = limits->rma_route_bytes > 0 ? limits->rma_route_bytes : SIZE_MAX,
    };

    if (limits->rma_max > 0 && way.chunk_size > limits->rma_max)
        way.chunk_size = limits->rma_max;
    return way;
}

void bulk_lane_init(struct bulk_lane *lane)
{
    lane->bytes = 0;
    lane->pieces = 0;
    util_list_init(&lane->waiting);
    lane->moved = 0;
    lane->still_ns = 0;
}

bool bulk_lane_stands(struct bulk_lane *lane, uint64_t now_ns)
{
    if (lane->pieces > 0 && lane->still_ns != 0 && lane->moved == lane->moved_before)
        return now_ns - lane->still_ns >= BULK_LANE_STILL_NS;
    lane->moved_before = lane->moved;
    lane->still_ns = now_ns;
    return false;
}

void bulk_env_init(struct bulk_env *env, const struct na_limits *limits, struct util_pool *pieces)
{
    memset(env, 0, sizeof(*env));
    env->pieces = pieces;
    env->pieces_max = pieces->max_objs > 0 && pieces->max_objs < UINT32_MAX ? (uint32_t)pieces->max_objs : UINT32_MAX;
    env->ways[BULK_TRANSPORT_OWN] = bulk_env_way_of(limits);
    util_list_init(&env->all);
    util_list_init(&env->blocked);
    util_list_init(&env->ready);
}

void bulk_env_add_sm(struct bulk_env *env, const struct na_limits *limits)
{
    env->ways[BULK_TRANSPORT_SM] = bulk_env_way_of(limits);
}

void bulk_env_fini(struct bulk_env *env)
{
    if (env == NULL)
        return;
    assert(env->in_flight == 0);
    assert(bulk_env_idle(env));
}

/* Moves a transfer to the back of another list, if it is blocked again. */
static void bulk_env_move_blocked(struct bulk_transfer *transfer, struct util_list *list)
{
    if (transfer->queue != BULK_TRANSFER_QUEUE_BLOCKED)
        return;
    util_list_remove(&transfer->queue_link);
    util_list_push(list, &transfer->queue_link);
}

/* The last of the queue was refused for want of a piece: it is the first to get one. */
static void bulk_env_keep_place(struct bulk_env *env)
{
    struct util_list *last = env->blocked.prev;

    if (last == &env->blocked)
        return;
    util_list_remove(last);
    util_list_push_front(&env->blocked, last);
}

/* Offers room to those that wait, in turn. One that got some goes behind all others, one that got
 * none keeps its place before them; without that, whoever is first would be first for ever. Makes no
 * done calls, so the queue changes only here. */
static void bulk_env_resume_blocked(struct bulk_env *env)
{
    unsigned int refusals = 0;
    struct util_list served;

    util_list_init(&served);
    env->out_of_pieces = false;
    for (uint32_t left = env->blocked_count; left > 0 && refusals < BULK_ENV_REFUSALS_MAX; left--) {
        struct util_list *front = util_list_first(&env->blocked);
        struct bulk_transfer *transfer = util_container_of(front, struct bulk_transfer, queue_link);
        uint64_t pieces_before = env->counters.pieces;

        bulk_transfer_unblock(transfer);
        if (env->counters.pieces != pieces_before) {
            refusals = 0;
            bulk_env_move_blocked(transfer, &served);
        } else {
            refusals++;
        }
        if (env->out_of_pieces)
            break;
    }
    if (env->out_of_pieces && refusals > 0)
        bulk_env_keep_place(env);
    util_list_splice(&env->blocked, &served);
}

unsigned int bulk_env_resume(struct bulk_env *env)
{
    uint64_t ended_before = env->counters.ended;
    struct util_list due;
    struct util_list *front;

    bulk_env_resume_blocked(env);
    /* Only those that are ready now: a done call that starts the next copy must not hold the
     * context for ever. A transfer that is cancelled meanwhile stays where it is. */
    util_list_init(&due);
    util_list_splice(&due, &env->ready);
    while ((front = util_list_first(&due)) != NULL)
        bulk_transfer_finish(util_container_of(front, struct bulk_transfer, queue_link));
    return (unsigned int)(env->counters.ended - ended_before);
}

struct bulk_transfer *bulk_env_find(const struct bulk_env *env, uint64_t serial)
{
    assert(serial != 0);
    util_list_each (pos, &env->all) {
        struct bulk_transfer *transfer = util_container_of(pos, struct bulk_transfer, all_link);

        if (transfer->serial == serial)
            return transfer;
    }
    return NULL;
}

void bulk_env_fail_route(struct bulk_env *env, const struct na_route *route, int error)
{
    util_list_each (pos, &env->all) {
        struct bulk_transfer *transfer = util_container_of(pos, struct bulk_transfer, all_link);

        if (transfer->route != route || route == NULL)
            continue;
        bulk_transfer_fail(transfer, error);
        /* It goes back to the transport: a later cancel must not name it. */
        transfer->route = NULL;
        transfer->lane = NULL;
    }
}

void bulk_env_reroute(struct bulk_env *env, const struct na_route *route, struct na_route *to, struct bulk_lane *lane,
                      enum bulk_transport transport)
{
    util_list_each (pos, &env->all) {
        struct bulk_transfer *transfer = util_container_of(pos, struct bulk_transfer, all_link);

        if (transfer->route == route && route != NULL)
            bulk_transfer_reroute(transfer, to, lane, transport);
    }
}

bool bulk_env_uses_route(const struct bulk_env *env, const struct na_route *route)
{
    util_list_each (node, &env->all) {
        if (util_container_of(node, struct bulk_transfer, all_link)->route == route)
            return true;
    }
    return false;
}

void bulk_env_cancel_all(struct bulk_env *env)
{
    util_list_each (pos, &env->all)
        bulk_transfer_cancel(util_container_of(pos, struct bulk_transfer, all_link));
}
