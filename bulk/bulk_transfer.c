/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The steps of one transfer: check, start, post, a piece ends, the end. See bulk_transfer.h for the
 * contract and bulk_env.c for whose turn it is.
 *
 * Nothing here allocates on the way of a transfer: pieces come from the environment's pool, and the
 * transfer is part of whatever waits for it.
 */
#include "bulk/bulk_transfer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bulk/bulk_wire.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

/* One piece in so many is kept for lanes that have none. Of the others, a lane may have one in so many of those that nobody has: one
 * alone comes to 15 % of all then, and ten to 5 % each. */
enum { LANE_SHARE = 4 };

/* --- check ------------------------------------------------------------------------------------- */

bool bulk_transfer_needs_route(enum bulk_op op, const struct hg_bulk *origin)
{
    if (origin->kind == BULK_KIND_LOCAL)
        return false;
    return op == BULK_OP_PUSH || !origin->has_data;
}

bool bulk_transfer_has_way(const struct hg_bulk *origin, const struct hg_bulk *local, enum bulk_transport transport)
{
    return bulk_handle_has_path(origin, transport) && local->mems[transport] != NULL;
}

/* A pull reads the origin and writes the local side; a push the other way round. */
static int bulk_transfer_check_access(const struct bulk_transfer_args *args)
{
    bool pull = args->op == BULK_OP_PULL;
    unsigned int origin_needs = pull ? BULK_ACCESS_READ : BULK_ACCESS_WRITE;
    unsigned int local_needs = pull ? BULK_ACCESS_WRITE : BULK_ACCESS_READ;

    if ((args->origin->access & origin_needs) == 0)
        return util_detail_set(-EACCES, "the origin's bulk handle (flags %u) forbids a %s", args->origin->access,
                               pull ? "pull" : "push");
    if ((args->local->access & local_needs) == 0)
        return util_detail_set(-EACCES, "the local bulk handle (flags %u) forbids a %s", args->local->access,
                               pull ? "pull" : "push");
    return 0;
}

static int bulk_transfer_check_range(const struct hg_bulk *handle, const char *side, uint64_t offset, uint64_t size)
{
    if (bulk_segments_in_range(handle->size, offset, size))
        return 0;
    return util_detail_set(-EINVAL, "bytes %" PRIu64 " + %" PRIu64 " are outside the %s bulk handle of %zu bytes",
                           offset, size, side, handle->size);
}

static int bulk_transfer_no_way(void)
{
    return util_detail_set(-EOPNOTSUPP, "the bulk descriptor names no path by this transport");
}

/* Whether the bytes can be moved at all, by copy or through the network. */
static int bulk_transfer_check_way(const struct bulk_transfer_args *args)
{
    if (args->local->kind != BULK_KIND_LOCAL)
        return util_detail_set(-EINVAL, "the local bulk handle is not memory of this process");
    if (args->size == 0)
        return 0;
    if (bulk_transfer_needs_route(args->op, args->origin)) {
        for (unsigned int i = 0; i < BULK_TRANSPORTS_MAX; i++)
            if (bulk_transfer_has_way(args->origin, args->local, i))
                return 0;
        return bulk_transfer_no_way();
    }
    if (!bulk_handle_is_memory(args->origin) || !bulk_handle_is_memory(args->local))
        return util_detail_set(-EOPNOTSUPP, "device memory is moved by the transport only: not within one process, nor "
                                            "from data that came in its descriptor (no_bulk_eager at its owner)");
    return 0;
}

int bulk_transfer_check(const struct bulk_transfer_args *args)
{
    int ret = bulk_transfer_check_access(args);

    if (ret == 0)
        ret = bulk_transfer_check_range(args->origin, "origin's", args->origin_offset, args->size);
    if (ret == 0)
        ret = bulk_transfer_check_range(args->local, "local", args->local_offset, args->size);
    if (ret == 0)
        ret = bulk_transfer_check_way(args);
    return ret;
}

/* --- queues ------------------------------------------------------------------------------------ */

static void bulk_transfer_enter(struct bulk_transfer *transfer, enum bulk_transfer_queue queue, struct util_list *list)
{
    assert(transfer->queue == BULK_TRANSFER_QUEUE_NONE);
    transfer->queue = queue;
    transfer->env->blocked_count += queue == BULK_TRANSFER_QUEUE_BLOCKED;
    util_list_push(list, &transfer->queue_link);
}

static void bulk_transfer_leave_queue(struct bulk_transfer *transfer)
{
    transfer->env->blocked_count -= transfer->queue == BULK_TRANSFER_QUEUE_BLOCKED;
    transfer->queue = BULK_TRANSFER_QUEUE_NONE;
    util_list_remove(&transfer->queue_link);
}

static void bulk_transfer_block(struct bulk_transfer *transfer)
{
    bulk_transfer_enter(transfer, BULK_TRANSFER_QUEUE_BLOCKED, &transfer->env->blocked);
}

static void bulk_transfer_wait(struct bulk_transfer *transfer)
{
    bulk_transfer_enter(transfer, BULK_TRANSFER_QUEUE_LANE, &transfer->lane->waiting);
}

/* How many of so many pieces a lane may have, if so many are in flight. */
static uint32_t lane_share(uint32_t max, uint32_t in_flight)
{
    uint32_t most = max - max / LANE_SHARE;
    uint32_t left = in_flight < most ? most - in_flight : 0;

    return left >= LANE_SHARE ? left / LANE_SHARE : 1;
}

static bool bulk_transfer_lane_is_full(const struct bulk_transfer *transfer)
{
    const struct bulk_env *env = transfer->env;
    const struct bulk_env_way *way = &env->ways[transfer->transport];
    uint32_t share = lane_share(way->pieces_max, way->in_flight);
    uint32_t share_of_pool = lane_share(env->pieces_max, env->in_flight);

    return transfer->lane->bytes >= way->lane_bytes || transfer->lane->pieces >= share ||
           transfer->lane->pieces >= share_of_pool;
}

/* --- the end ----------------------------------------------------------------------------------- */

/* Calls done. The transfer may be gone when it returns, so the handles are taken out first; they
 * are dropped last, since the caller of done may still show them to its user. */
static void bulk_transfer_end(struct bulk_transfer *transfer)
{
    struct bulk_env *env = transfer->env;
    struct hg_bulk *origin = transfer->origin;
    struct hg_bulk *local = transfer->local;

    assert(transfer->in_flight == 0);
    bulk_transfer_leave_queue(transfer);
    util_list_remove(&transfer->all_link);
    transfer->state = BULK_TRANSFER_IDLE;
    env->counters.ended++;
    env->counters.failed += transfer->error != 0;
    transfer->done(transfer, transfer->error);
    bulk_handle_unref(origin);
    bulk_handle_unref(local);
}

void bulk_transfer_finish(struct bulk_transfer *transfer)
{
    assert(transfer->state == BULK_TRANSFER_READY);
    bulk_transfer_end(transfer);
}

/* Stops posting. With nothing in flight the done call is due at the next resume. */
static void bulk_transfer_stop(struct bulk_transfer *transfer, int error)
{
    if (transfer->state != BULK_TRANSFER_RUNNING)
        return;
    bulk_transfer_leave_queue(transfer);
    transfer->error = error;
    if (transfer->in_flight > 0) {
        transfer->state = BULK_TRANSFER_ENDING;
        return;
    }
    transfer->state = BULK_TRANSFER_READY;
    bulk_transfer_enter(transfer, BULK_TRANSFER_QUEUE_READY, &transfer->env->ready);
}

void bulk_transfer_fail(struct bulk_transfer *transfer, int error)
{
    bulk_transfer_stop(transfer, error);
}

void bulk_transfer_cancel(struct bulk_transfer *transfer)
{
    bulk_transfer_stop(transfer, -ECANCELED);
    if (transfer->state != BULK_TRANSFER_ENDING || transfer->route == NULL)
        return;
    /* na_rma_cancel makes no done calls (na.h): the list stays as it is. */
    util_list_each (pos, &transfer->posted) {
        struct bulk_transfer_piece *piece = util_container_of(pos, struct bulk_transfer_piece, link);

        na_rma_cancel(&piece->rma);
    }
}

void bulk_transfer_reroute(struct bulk_transfer *transfer, struct na_route *to, struct bulk_lane *lane,
                           enum bulk_transport transport)
{
    assert(transfer->in_flight == 0 && transfer->queue != BULK_TRANSFER_QUEUE_LANE);
    transfer->route = to;
    transfer->lane = lane;
    transfer->transport = transport;
    if (transfer->state == BULK_TRANSFER_RUNNING &&
        !bulk_transfer_has_way(transfer->origin, transfer->local, transport))
        bulk_transfer_stop(transfer, -EOPNOTSUPP);
}

/* --- pieces ------------------------------------------------------------------------------------ */

static void bulk_transfer_piece_done(struct na_rma *rma, int error);

/* Fills in the operation for the next piece of the walk. */
static void bulk_transfer_describe(const struct bulk_transfer *transfer, const struct bulk_segments_piece *next,
                                   struct na_rma *rma)
{
    const struct bulk_path *path = &transfer->origin->paths[transfer->transport];
    const struct bulk_remote *remote = &path->remotes[next->remote_index];

    rma->op = transfer->op == BULK_OP_PUSH ? NA_RMA_PUT : NA_RMA_GET;
    rma->route = transfer->route;
    rma->local = next->local;
    rma->local_mem = transfer->local->mems[transfer->transport];
    rma->local_index = next->local_index;
    rma->size = next->size;
    rma->remote_address = remote->address + next->remote_inner;
    rma->key = remote->key;
    rma->key_size = path->key_size;
    rma->done = bulk_transfer_piece_done;
}

/* Posts the next piece: 0, -EAGAIN, or the transport's error. Takes the piece only with 0. */
static int bulk_transfer_post_piece(struct bulk_transfer *transfer, struct bulk_transfer_piece *piece)
{
    struct bulk_env *env = transfer->env;
    struct bulk_segments_piece next;
    bool more = bulk_segments_walk_peek(&transfer->walk, env->ways[transfer->transport].chunk_size, &next);
    int ret;

    assert(more);
    (void)more;
    bulk_transfer_describe(transfer, &next, &piece->rma);
    ret = na_rma_post(&piece->rma);
    /* Nobody is at the end of the route: its owner is about to be told, and gives us another one, or the error. */
    if (ret == -ECONNREFUSED)
        ret = -EAGAIN;
    if (ret == -EAGAIN)
        env->counters.refused++;
    if (ret != 0)
        return ret;
    bulk_segments_walk_advance(&transfer->walk, next.size);
    piece->transfer = transfer;
    util_list_push(&transfer->posted, &piece->link);
    transfer->in_flight++;
    if (transfer->lane->pieces++ == 0)
        transfer->lane->still_ns = 0;
    transfer->lane->bytes += next.size;
    env->ways[transfer->transport].in_flight++;
    env->in_flight++;
    env->counters.pieces++;
    return 0;
}

/* A piece from the pool. -EAGAIN when all are in flight: one of them will come back. -ENOMEM when
 * none is, so that waiting would be for ever. */
static int bulk_transfer_get_piece(struct bulk_env *env, struct bulk_transfer_piece **piece)
{
    *piece = util_pool_get(env->pieces);
    if (*piece != NULL)
        return 0;
    if (env->in_flight == 0)
        return util_detail_set(-ENOMEM, "no memory for the pieces of a bulk transfer");
    env->counters.refused++;
    env->out_of_pieces = true;
    return -EAGAIN;
}

/* What stops posting besides errors, which are negative. */
enum { POST_LANE_FULL = 1 };

/* Posts pieces up to the depth: 0, or what stopped it. */
static int bulk_transfer_post(struct bulk_transfer *transfer)
{
    struct bulk_env *env = transfer->env;

    while (transfer->walk.left > 0 && transfer->in_flight < env->ways[transfer->transport].depth) {
        struct bulk_transfer_piece *piece;
        int ret;

        if (bulk_transfer_lane_is_full(transfer))
            return POST_LANE_FULL;
        ret = bulk_transfer_get_piece(env, &piece);

        if (ret != 0)
            return ret;
        ret = bulk_transfer_post_piece(transfer, piece);
        if (ret != 0) {
            util_pool_put(env->pieces, piece);
            return ret;
        }
    }
    return 0;
}

/* Deals with what stopped posting. */
static void bulk_transfer_posted(struct bulk_transfer *transfer, int ret)
{
    if (ret == 0)
        return;
    if (ret == POST_LANE_FULL) {
        bulk_transfer_wait(transfer);
        return;
    }
    if (ret == -EAGAIN) {
        bulk_transfer_block(transfer);
        return;
    }
    util_log_limited(
        UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_BULK, "piece at byte %zu of a %s of %zu bytes cannot be posted: error %d",
        transfer->size - transfer->walk.left, transfer->op == BULK_OP_PUSH ? "push" : "pull", transfer->size, -ret);
    bulk_transfer_stop(transfer, ret);
}

void bulk_transfer_unblock(struct bulk_transfer *transfer)
{
    bulk_transfer_leave_queue(transfer);
    bulk_transfer_posted(transfer, bulk_transfer_post(transfer));
}

/* It may go on, unless others have been refused by the transport: those come first. */
static void bulk_transfer_go_on(struct bulk_transfer *transfer)
{
    if (transfer->env->blocked_count > 0)
        bulk_transfer_block(transfer);
    else
        bulk_transfer_posted(transfer, bulk_transfer_post(transfer));
}

/* What comes next for a transfer that lost a piece: the next piece, unless others wait for one. */
static void bulk_transfer_refill(struct bulk_transfer *transfer)
{
    if (transfer->state != BULK_TRANSFER_RUNNING || transfer->queue != BULK_TRANSFER_QUEUE_NONE ||
        transfer->walk.left == 0)
        return;
    if (!util_list_empty(&transfer->lane->waiting))
        bulk_transfer_wait(transfer);
    else
        bulk_transfer_go_on(transfer);
}

/* A piece has left the lane: those that wait for it, in turn. Each takes some of the room, or leaves the lane's queue. */
static void bulk_transfer_resume_lane(const struct bulk_lane *lane)
{
    struct util_list *node;

    while ((node = util_list_first(&lane->waiting)) != NULL) {
        struct bulk_transfer *transfer = util_container_of(node, struct bulk_transfer, queue_link);

        if (bulk_transfer_lane_is_full(transfer))
            return;
        bulk_transfer_leave_queue(transfer);
        bulk_transfer_go_on(transfer);
        if (transfer->queue == BULK_TRANSFER_QUEUE_BLOCKED && lane->pieces > 0)
            return; /* and so would the others be; the next piece that ends is theirs */
    }
}

/* Whether the transfer has neither pieces in flight nor any to post. */
static bool bulk_transfer_is_over(const struct bulk_transfer *transfer)
{
    if (transfer->in_flight > 0)
        return false;
    return transfer->state == BULK_TRANSFER_ENDING ||
           (transfer->state == BULK_TRANSFER_RUNNING && transfer->walk.left == 0);
}

/* Called by the transport, inside na_progress. */
static void bulk_transfer_piece_done(struct na_rma *rma, int error)
{
    struct bulk_transfer_piece *piece = util_container_of(rma, struct bulk_transfer_piece, rma);
    struct bulk_transfer *transfer = piece->transfer;
    struct bulk_env *env = transfer->env;
    size_t size = rma->size;

    assert(transfer->in_flight > 0 && env->in_flight > 0);
    util_list_remove(&piece->link);
    util_pool_put(env->pieces, piece);
    transfer->in_flight--;
    env->ways[transfer->transport].in_flight--;
    env->in_flight--;
    if (transfer->lane != NULL) {
        transfer->lane->bytes -= size;
        transfer->lane->pieces--;
        transfer->lane->moved++;
    }
    if (error == 0 || UTIL_MUTANT(PIECE_ERROR_IGNORED)) {
        transfer->moved += size;
        env->counters.bytes += size;
    } else if (transfer->state == BULK_TRANSFER_RUNNING) {
        util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_BULK,
                         "a %s of %zu bytes over %s failed after %zu bytes: %s",
                         transfer->op == BULK_OP_PUSH ? "push" : "pull", transfer->size, na_route_text(transfer->route),
                         transfer->moved, strerror(-error));
        bulk_transfer_leave_queue(transfer);
        transfer->error = error;
        transfer->state = BULK_TRANSFER_ENDING;
    }
    if (transfer->lane != NULL) {
        bulk_transfer_refill(transfer);
        bulk_transfer_resume_lane(transfer->lane);
    }
    if (bulk_transfer_is_over(transfer))
        bulk_transfer_end(transfer);
}

/* --- start ------------------------------------------------------------------------------------- */

static void bulk_transfer_prepare(struct bulk_env *env, struct bulk_transfer *transfer,
                                  const struct bulk_transfer_args *args)
{
    transfer->env = env;
    transfer->origin = args->origin;
    transfer->local = args->local;
    transfer->route = NULL;
    transfer->lane = NULL;
    transfer->transport = args->transport;
    transfer->op = args->op;
    transfer->size = (size_t)args->size;
    transfer->serial = args->serial;
    util_list_init(&transfer->all_link);
    util_list_init(&transfer->queue_link);
    util_list_init(&transfer->posted);
    transfer->error = 0;
    transfer->in_flight = 0;
    transfer->queue = BULK_TRANSFER_QUEUE_NONE;
    transfer->moved = 0;
    transfer->done = args->done;
    bulk_segments_walk_init(&transfer->walk, bulk_handle_segments(args->local), (size_t)args->local_offset,
                            bulk_handle_segments(args->origin), (size_t)args->origin_offset, (size_t)args->size);
}

/* From here on done will be called. */
static void bulk_transfer_begin(struct bulk_transfer *transfer, enum bulk_transfer_state state)
{
    transfer->state = state;
    bulk_handle_ref(transfer->origin);
    bulk_handle_ref(transfer->local);
    util_list_push(&transfer->env->all, &transfer->all_link);
    transfer->env->counters.started++;
}

/* Both sides are in this process, or nothing moves. */
static void bulk_transfer_start_copy(struct bulk_transfer *transfer, const struct bulk_transfer_args *args)
{
    struct bulk_segments origin = bulk_handle_segments(args->origin);
    struct bulk_segments local = bulk_handle_segments(args->local);
    size_t origin_offset = (size_t)args->origin_offset;
    size_t local_offset = (size_t)args->local_offset;

    if (transfer->size > 0 && args->op == BULK_OP_PULL)
        bulk_segments_copy(local, local_offset, origin, origin_offset, transfer->size);
    else if (transfer->size > 0)
        bulk_segments_copy(origin, origin_offset, local, local_offset, transfer->size);
    transfer->moved = transfer->size;
    transfer->walk.left = 0;
    transfer->env->counters.bytes += transfer->size;
    bulk_transfer_begin(transfer, BULK_TRANSFER_READY);
    bulk_transfer_enter(transfer, BULK_TRANSFER_QUEUE_READY, &transfer->env->ready);
}

int bulk_transfer_start(struct bulk_env *env, struct bulk_transfer *transfer, const struct bulk_transfer_args *args)
{
    int ret = bulk_transfer_check(args);

    assert(transfer->state == BULK_TRANSFER_IDLE);
    if (ret != 0)
        return ret;
    bulk_transfer_prepare(env, transfer, args);
    if (args->size == 0 || !bulk_transfer_needs_route(args->op, args->origin)) {
        bulk_transfer_start_copy(transfer, args);
        return 0;
    }
    if (args->route == NULL)
        return util_detail_set(-EINVAL, "no route to the owner of the bulk handle");
    if (!bulk_transfer_has_way(args->origin, args->local, args->transport))
        return bulk_transfer_no_way();
    transfer->route = args->route;
    transfer->lane = args->lane;
    ret = bulk_transfer_post(transfer);
    if (ret < 0 && ret != -EAGAIN && transfer->in_flight == 0)
        return ret;
    bulk_transfer_begin(transfer, BULK_TRANSFER_RUNNING);
    bulk_transfer_posted(transfer, ret);
    return 0;
}

int bulk_transfer_start_descriptor(struct bulk_env *env, struct bulk_transfer *transfer,
                                   const struct bulk_transfer_descriptor_args *args)
{
    unsigned int access = args->op == BULK_OP_PULL ? BULK_ACCESS_WRITE : BULK_ACCESS_READ;
    struct bulk_transfer_args inner = {
        .op = args->op,
        .size = args->size,
        .route = args->route,
        .lane = args->lane,
        .transport = args->transport,
        .done = args->done,
    };
    int ret = bulk_wire_decode(args->owner, args->descriptor, args->descriptor_size, NULL, &inner.origin, NULL);

    if (ret != 0)
        return ret;
    if (inner.origin->kind == BULK_KIND_LOCAL && !args->ours)
        ret = util_detail_set(-EACCES, "a peer's descriptor names memory of this process");
    if (ret == 0)
        ret = bulk_handle_wrap(args->owner, args->buf, args->size, access, true, &inner.local);
    if (ret == 0)
        ret = bulk_transfer_start(env, transfer, &inner);
    /* The transfer holds its own references. */
    bulk_handle_unref(inner.local);
    bulk_handle_unref(inner.origin);
    return ret;
}
