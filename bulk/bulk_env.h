/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the transfers of one context share: limits, the pool of pieces, and the queues of those that
 * wait. The RPC core embeds one in each context and calls bulk_env_resume once per turn of progress.
 *
 * Every transfer between start and done is in `all`, and in at most one of three queues: `blocked`,
 * where those wait that the transport refused for now; `waiting` of their lane, where those wait that
 * others on the same route leave no room; and `ready`, where those wait whose done call is due although
 * no transport will make it (copies, empty and cancelled transfers).
 *
 * What bounds it: the pool's max_objs is the number of pieces that a context has in flight, depth
 * that of one transfer. A lane takes no more than a quarter of what the others have left, and may have
 * one always, so that peers which do not answer leave room for those that do. Those that wait are served
 * in turn, and a transfer gives its freed piece up while others wait, so that a large one starves nobody.
 * The queues hold transfers that their callers own, so they need no memory and no bound of their own.
 *
 * Threads: as na.h asks for one context, all calls are serialised by its owner.
 */
#ifndef BULK_BULK_ENV_H
#define BULK_BULK_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulk/bulk_owner.h"
#include "na/na.h"
#include "util/util_list.h"
#include "util/util_pool.h"

struct bulk_transfer;

/* Counted since bulk_env_init. */
struct bulk_counters {
    uint64_t started;
    uint64_t ended;   /* done was called, whatever the outcome */
    uint64_t failed;  /* of those, with an error */
    uint64_t bytes;   /* moved, by transfers and by copies */
    uint64_t pieces;  /* puts and gets posted */
    uint64_t refused; /* posts that the transport refused for now, or that found no piece in the pool */
};

/* How transfers through one transport are cut. */
struct bulk_env_way {
    size_t chunk_size;   /* bytes of the largest piece */
    uint32_t depth;      /* pieces in flight per transfer */
    uint32_t pieces_max; /* in flight, of all transfers by the transport */
    uint32_t in_flight;  /* of them */
    size_t lane_bytes;   /* in flight per lane, of which the last piece may be in part above; at least 1 */
};

#define BULK_LANE_STILL_NS (400U * 1000U * 1000U) /* less than the pause between two pings */

/* What all transfers on one route share. Whoever has the route has it beside it, and keeps it as long. There is something
 * in flight as long as somebody waits. */
struct bulk_lane {
    size_t bytes;             /* of pieces in flight */
    uint32_t pieces;          /* in flight */
    struct util_list waiting; /* transfers that found it full, by bulk_transfer.queue_link */
    uint64_t moved;           /* pieces that have ended */
    uint64_t moved_before;    /* when bulk_lane_stands() saw the last one */
    uint64_t still_ns;        /* and since when it has seen none; 0: it has not looked since something is in flight */
};

struct bulk_env {
    struct util_pool *pieces;                      /* borrowed; objects of bulk_env_piece_size() */
    struct bulk_env_way ways[BULK_TRANSPORTS_MAX]; /* by transport */
    uint32_t in_flight;                            /* pieces posted and not ended, of all transfers */
    uint32_t pieces_max;                           /* of the pool */
    uint32_t blocked_count;                        /* transfers in blocked */
    bool out_of_pieces;                            /* the pool had none left for the last transfer that asked */
    struct util_list all;                          /* by bulk_transfer.all_link */
    struct util_list blocked;                      /* by bulk_transfer.queue_link */
    struct util_list ready;                        /* by bulk_transfer.queue_link */
    struct bulk_counters counters;
};

/* The size of the objects of bulk_env.pieces. */
size_t bulk_env_piece_size(void);

/* Makes a lane for a new route. It needs no end: nothing waits there when the route's transfers are over. */
void bulk_lane_init(struct bulk_lane *lane);

/* Whether the transfers in the lane stand still: something is in flight, and no piece has ended for BULK_LANE_STILL_NS or more, as
 * far as this has been asked. */
bool bulk_lane_stands(struct bulk_lane *lane, uint64_t now_ns);

/* Makes an environment for a context of a class with these limits. `pieces` is borrowed. */
void bulk_env_init(struct bulk_env *env, const struct na_limits *limits, struct util_pool *pieces);

/* The class has shared memory besides, with these limits. */
void bulk_env_add_sm(struct bulk_env *env, const struct na_limits *limits);

/* No transfer may be left: asserted. Takes NULL. */
void bulk_env_fini(struct bulk_env *env);

/* One turn: tries again what was refused, then makes the done calls that are due. To be called
 * after na_progress, by the same thread. Gives the number of done calls. */
unsigned int bulk_env_resume(struct bulk_env *env);

/* Whether resume has a done call to make: the caller must not sleep then. */
static inline bool bulk_env_ready(const struct bulk_env *env)
{
    return !util_list_empty(&env->ready);
}

/* Whether no transfer is between start and done. */
static inline bool bulk_env_idle(const struct bulk_env *env)
{
    return util_list_empty(&env->all);
}

/* The transfer that its starter gave this serial (not 0), or NULL when it is over. Walks all of
 * them: for cancelling, not for the hot path. */
struct bulk_transfer *bulk_env_find(const struct bulk_env *env, uint64_t serial);

/* The route is about to be closed: transfers on it post nothing more and end with `error` once what
 * they have in flight has ended. To be called before na_route_close. Makes no done calls. */
void bulk_env_fail_route(struct bulk_env *env, const struct na_route *route, int error);

/* The route was never up, and is given up for another one with its lane, perhaps through another
 * transport: the transfers on it, which have nothing in flight, take that one. Those whose handles know
 * no way by its transport end with -EOPNOTSUPP. Makes no done calls. */
void bulk_env_reroute(struct bulk_env *env, const struct na_route *route, struct na_route *to, struct bulk_lane *lane,
                      enum bulk_transport transport);

/* Whether a transfer uses the route. */
bool bulk_env_uses_route(const struct bulk_env *env, const struct na_route *route);

/* Cancels every transfer; their done calls follow from na_progress and resume. For teardown. */
void bulk_env_cancel_all(struct bulk_env *env);

#endif /* BULK_BULK_ENV_H */
