/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * One push or pull between the memory of a local handle and that of an origin handle.
 *
 * A transfer is checked whole (permissions, ranges) before anything is posted. It is then cut into
 * pieces at the borders of segments and at the transport's chunk size, and a bounded number of them
 * is kept in flight; each piece that ends makes room for the next. What the transport refuses for
 * now waits in the environment, and what finds the route full in its lane (bulk_env.h). Where the origin's memory is in this process, or its
 * data came inside the descriptor, the transfer is a copy and posts nothing.
 *
 * Life of a transfer:
 *
 *     IDLE -> RUNNING -> IDLE               the last piece ended
 *     IDLE -> RUNNING -> ENDING -> IDLE     failed or cancelled with pieces in flight
 *     IDLE -> RUNNING -> READY -> IDLE      failed or cancelled without
 *     IDLE -> READY -> IDLE                 a copy, or empty
 *
 * `done` is called on entering IDLE, exactly once after a successful start: from na_progress, when
 * the last piece ends there, or from bulk_env_resume; never inside start, cancel or fail. The
 * handles are held until then.
 *
 * Threads: an environment and its transfers belong to one context and are serialised by its owner,
 * as na.h asks (the RPC core holds the context's lock). Handles may be shared by all threads.
 */
#ifndef BULK_BULK_TRANSFER_H
#define BULK_BULK_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulk/bulk_env.h"
#include "bulk/bulk_handle.h"
#include "bulk/bulk_segments.h"
#include "na/na.h"
#include "util/util_list.h"

enum bulk_op {
    BULK_OP_PUSH, /* from the local handle to the origin */
    BULK_OP_PULL, /* from the origin to the local handle */
};

enum bulk_transfer_state {
    BULK_TRANSFER_IDLE,    /* not started, or over */
    BULK_TRANSFER_RUNNING, /* pieces are posted as room allows */
    BULK_TRANSFER_ENDING,  /* no new pieces; some are in flight */
    BULK_TRANSFER_READY,   /* in a queue of bulk_env_resume, which calls done */
};

/* Where its queue_link is. */
enum bulk_transfer_queue {
    BULK_TRANSFER_QUEUE_NONE,
    BULK_TRANSFER_QUEUE_BLOCKED, /* env->blocked */
    BULK_TRANSFER_QUEUE_LANE,    /* lane->waiting */
    BULK_TRANSFER_QUEUE_READY,   /* env->ready, or what bulk_env_resume() took from it */
};

/* Embedded in whatever waits for it, which keeps it in place from start to done. Zero before the
 * first start; free to be started again, or freed, as soon as done is entered. */
struct bulk_transfer {
    /* Identity. */
    struct bulk_env *env;
    struct hg_bulk *origin;        /* a reference */
    struct hg_bulk *local;         /* a reference */
    struct na_route *route;        /* borrowed, see bulk_env_fail_route; NULL for a copy */
    struct bulk_lane *lane;        /* of the route, likewise */
    enum bulk_transport transport; /* of the route */
    enum bulk_op op;
    size_t size;
    uint64_t serial; /* for bulk_env_find; 0: not to be found */

    /* Owner's links. */
    struct util_list all_link;   /* env->all */
    struct util_list queue_link; /* as queue says */
    struct util_list posted;     /* pieces in flight */

    /* State. */
    enum bulk_transfer_state state;
    int error; /* the first one; 0: none */
    uint32_t in_flight;
    enum bulk_transfer_queue queue;
    struct bulk_segments_walk walk; /* what is not posted yet */
    size_t moved;                   /* bytes of pieces that ended well */
    void (*done)(struct bulk_transfer *transfer, int error);
};

/* One put or get of a transfer. Objects of bulk_env.pieces. */
struct bulk_transfer_piece {
    struct na_rma rma;
    struct bulk_transfer *transfer; /* borrowed: it outlives its pieces */
    struct util_list link;          /* transfer->posted */
};

/* What a transfer is started with. */
struct bulk_transfer_args {
    enum bulk_op op;
    struct hg_bulk *origin;
    uint64_t origin_offset;
    struct hg_bulk *local;
    uint64_t local_offset;
    uint64_t size;                 /* may be 0 */
    uint64_t serial;               /* see struct bulk_transfer; may be 0 */
    struct na_route *route;        /* to the origin's owner; may be NULL without bulk_transfer_needs_route */
    struct bulk_lane *lane;        /* of the route */
    enum bulk_transport transport; /* of the route */
    /* The end: 0, the error of the first piece that failed (na.h), that of bulk_env_fail_route, or
     * -ECANCELED. The handles are still held while it runs. It may start another transfer. */
    void (*done)(struct bulk_transfer *transfer, int error);
};

/* Whether the transfer goes over the network, so that start needs a route. */
bool bulk_transfer_needs_route(enum bulk_op op, const struct hg_bulk *origin);

/* Whether a transfer that needs a route can take one of this transport. */
bool bulk_transfer_has_way(const struct hg_bulk *origin, const struct hg_bulk *local, enum bulk_transport transport);

/* Checks everything that can be checked without the network: -EACCES (the flags of a handle forbid
 * it), -EINVAL (a range outside a handle, a local handle that is not ours), -EOPNOTSUPP (a copy from
 * or to device memory, no path by any transport of ours). Any thread; needs no route yet. */
int bulk_transfer_check(const struct bulk_transfer_args *args);

/* Checks and starts. Errors of bulk_transfer_check, -EINVAL without the route that it needs, -ENOMEM,
 * or what the transport says to the very first piece; on an error nothing was posted, nothing is
 * held and done is not called. The sentence is in util_detail. */
int bulk_transfer_start(struct bulk_env *env, struct bulk_transfer *transfer, const struct bulk_transfer_args *args);

/* What bulk_transfer_start_descriptor is asked for. */
struct bulk_transfer_descriptor_args {
    enum bulk_op op;
    struct bulk_owner *owner;
    const void *descriptor; /* borrowed for the call */
    size_t descriptor_size;
    bool ours;   /* it may name memory of our own; otherwise such a one is refused */
    void *buf;   /* borrowed until done: the local side */
    size_t size; /* bytes moved between buf and the front of what the descriptor names */
    struct na_route *route;
    struct bulk_lane *lane;        /* of the route */
    enum bulk_transport transport; /* of the route */
    void (*done)(struct bulk_transfer *transfer, int error);
};

/* Moves one buffer to or from the front of the memory behind a descriptor, by handles of its own
 * that live until done: for payloads that are too large for a message. Errors of bulk_wire_decode,
 * bulk_handle_create and bulk_transfer_start. */
int bulk_transfer_start_descriptor(struct bulk_env *env, struct bulk_transfer *transfer,
                                   const struct bulk_transfer_descriptor_args *args);

/* Ends the transfer early: no new pieces, those in flight are asked to end, then done is called
 * with -ECANCELED. One that has an outcome already keeps it; one that is IDLE is left alone. */
void bulk_transfer_cancel(struct bulk_transfer *transfer);

/* The same with another reason, and pieces in flight are left to their own end. */
void bulk_transfer_fail(struct bulk_transfer *transfer, int error);

/* For bulk_env.c: see bulk_env_reroute. */
void bulk_transfer_reroute(struct bulk_transfer *transfer, struct na_route *to, struct bulk_lane *lane,
                           enum bulk_transport transport);

/* Between start and done. */
static inline bool bulk_transfer_active(const struct bulk_transfer *transfer)
{
    return transfer->state != BULK_TRANSFER_IDLE;
}

/* For bulk_env.c: takes a blocked transfer out of the queue and posts what it can; it is blocked
 * again if it is refused. May call done. */
void bulk_transfer_unblock(struct bulk_transfer *transfer);

/* For bulk_env.c: a READY transfer is over. Calls done. */
void bulk_transfer_finish(struct bulk_transfer *transfer);

#endif /* BULK_BULK_TRANSFER_H */
