/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_context.h
 * What an hg_context_t points at: one endpoint of each transport with all that moves through it. One lock covers it all; it
 * spans libfabric calls, and is uncontended where one thread drives a context. User code never runs under it.
 */

#ifndef HG_HG_CONTEXT_H
#define HG_HG_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bulk/bulk_transfer.h"
#include "hg/hg_admit.h"
#include "hg/hg_class.h"
#include "hg/hg_queue.h"
#include "hg/hg_serving.h"
#include "util/util_buf.h"
#include "util/util_clock.h"
#include "util/util_hash.h"
#include "util/util_pool.h"
#include "util/util_timer.h"

/** No moment has begun: see hg_context_moment_begin_locked(). */
#define HG_CONTEXT_NO_MOMENT UINT64_MAX

/** One place in the table of calls. A tag names a place and its generation, so a late reply finds nobody. */
struct hg_call_slot {
    struct hg_handle *handle; /**< NULL: free */
    uint64_t generation;      /**< counts the uses of this place */
    uint32_t next_free;
};

/** A context's end at one transport. Constant while the context is open. */
struct hg_port {
    struct hg_context *context;
    struct na_context *na;          /**< owned */
    const struct na_limits *limits; /**< the transport's, in the class */
    enum bulk_transport transport;
};

struct hg_context {
    struct hg_class *hg_class; /**< borrowed */
    struct na_context *na;     /**< of the first port: na_wake() there wakes whoever sleeps on any of them */
    uint8_t id;
    uint8_t port_count;                        /**< ports in use */
    uint8_t port_busy;                         /**< turns for which shared memory counts as busy (hg_port.c) */
    uint8_t port_rest;                         /**< turns for which the network may be left out meanwhile */
    uint32_t bulk_id_place;                    /**< where HG_Bulk_cancel() finds this context; constant */
    struct util_lock lock;                     /**< everything below unless a field says otherwise */
    struct hg_port ports[BULK_TRANSPORTS_MAX]; /**< by enum bulk_transport */

    /* Completion queue. */
    struct util_list ready;
    _Atomic uint32_t ready_count; /**< written under the lock, read as a hint without it */
    struct util_cond cond;        /**< threads in HG_Trigger, or in HG_Progress behind another */
    uint32_t cond_waiters;
    bool progressing;            /**< one thread is inside HG_Progress's loop */
    atomic_bool armed;           /**< somebody sleeps, or may sleep, on the wait fd: na_wake() is needed */
    uint64_t armed_until_ns;     /**< when that sleeper wakes by itself */
    struct util_lock inbox_lock; /**< inbox; never held while another lock is taken */
    struct util_list inbox;
    atomic_uint inbox_count; /**< release by the poster, acquire by the reader who then takes inbox_lock */

    /* Sessions. */
    struct util_map session_map;       /**< address and target context to session, for HG_Forward */
    struct util_list sessions;         /**< all open ones */
    struct util_list due_sessions;     /**< those with something to offer to the transport; served round-robin */
    struct hg_session **session_slots; /**< by receive id */
    uint32_t session_slot_count;
    uint32_t session_slot_hint;
    _Atomic uint64_t
        due_since_ns; /**< written under the lock, read as a hint without it; since when something waits for the end of the callbacks; 0: nothing does */

    struct util_list flush_link; /**< in the flusher's queue, under its lock */
    bool flush_asked;            /**< the flusher knows that something waits */
    bool flush_forgotten;        /**< under the flusher's lock: it must not queue the context any more */

    /* Calls. */
    struct hg_call_slot *call_slots;
    uint32_t call_slot_count;
    uint32_t call_slot_free;              /**< head of the free list, UINT32_MAX: none */
    struct util_list handles_idle_origin; /**< cached handles */
    struct util_list handles_idle_target;
    uint32_t handles_idle_count[2];
    uint32_t handles_count[2];        /**< origin and target, idle or not */
    struct util_list retrying;        /**< calls between two attempts */
    uint64_t retry_sequence;          /**< above the numbers of all peers that were forgotten */
    struct util_map retry_peers;      /**< by address: struct hg_retry_peer */
    struct hg_retry_peer *retry_last; /**< of the last such call, or NULL: the next one is likely to be to the same */
    struct util_list handles_all;     /**< idle or not */
    struct hg_admit admit;            /**< requests that are here, and whose */
    struct hg_serving serving_self;   /**< received calls to oneself that are READY or RUNNING */
    struct util_list rejoined;        /**< requests that got another tag while they run (hg_nested.h) */
    struct util_bufs bufs;            /**< received payloads */
    struct util_wheel wheel;
    uint32_t lazy_timers;    /**< of those in the wheel, the ones that the clock is not asked for in each turn */
    uint32_t resting_timers; /**< likewise, and they are for nobody: see hg_deadline.c */
    uint32_t lazy_turns;     /**< turns until it is */
    uint64_t moment_ns;      /**< the time of the moment; 0: nobody has asked for it; HG_CONTEXT_NO_MOMENT */
    uint64_t looked_ns;      /**< when the clock was asked for them last */
    uint64_t
        stale_until_ns; /**< what is received before this may have lain here; UINT64_MAX: not known yet until when */
    bool behind;        /**< what has come while nobody looked is to be received before anything is done with it */
    struct bulk_env bulk;
    struct util_pool rma_pool;
    struct util_pool bulk_ops; /**< hg_bulk_transfer.c */

    /* Waiting. */
    int epoll_fd;      /**< for the user: the transports' descriptors and timer_fd; -1 where one of them cannot wait */
    bool epoll_shared; /**< it is the transport's, with timer_fd in it: see hg_context.c */
    int timer_fd;
    uint64_t timer_fd_ns; /**< what it is set to; UINT64_MAX: nothing */
    /** No new requests are taken: HG_Context_unpost() was called, HG_Context_destroy() is at it. Written under the lock,
     *  other contexts read them: see hg_context_refuses(). */
    atomic_bool unposted;
    atomic_bool closing;
    bool ending; /**< its sessions have been ended; under the lock */

    struct qs_counters counters;
    struct hg_tally tally;
    struct hg_rpc *rpc_last;  /**< of the last request: the next one is likely to be for the same */
    uint64_t about_ns;        /**< the time, as it was when a turn last asked for it */
    uint32_t about_turns;     /**< lazy turns since one asked for it in any case */
    bool about_old;           /**< the user may have slept since */
    uint64_t stall_seen_ns;   /**< when a stall was noticed last */
    uint32_t signal_place;    /**< where a signal handler finds this context (hg_stats_signal.h) */
    struct hg_user_data user; /**< the user's own care */
};

/** Something begins that is short enough to be one moment for all limits that it has to do with: the clock is asked once
 *  at most, by the first who needs it. It ends before the lock is dropped. */
static inline void hg_context_moment_begin_locked(struct hg_context *context)
{
    context->moment_ns = 0;
}

static inline void hg_context_moment_end_locked(struct hg_context *context)
{
    context->moment_ns = HG_CONTEXT_NO_MOMENT;
}

/** The time of this moment, or where none has begun, the time. */
static inline uint64_t hg_context_moment_locked(struct hg_context *context)
{
    uint64_t now_ns = context->moment_ns;

    if (now_ns == 0) {
        now_ns = util_clock_now_ns();
        context->moment_ns = now_ns;
        return now_ns;
    }
    return now_ns != HG_CONTEXT_NO_MOMENT ? now_ns : util_clock_now_ns();
}

/** Reserves a place in the table of calls; 0 tag is never given. -ENOMEM, -ENOSPC. */
int hg_context_slot_get(struct hg_context *context, struct hg_handle *handle, uint64_t *tag);
/** Frees the place; the tag finds nobody from now on. */
void hg_context_slot_put(struct hg_context *context, uint64_t tag);
/** The handle behind the tag, or NULL. */
struct hg_handle *hg_context_slot_find(struct hg_context *context, uint64_t tag);

/** The open context with this id, or NULL. */
static inline struct hg_context *hg_context_by_id(struct hg_class *hg_class, uint8_t id)
{
    /* Acquire: pairs with the release in HG_Context_create, so that the context is seen whole. */
    return atomic_load_explicit(&hg_class->contexts[id], memory_order_acquire);
}

/** Calls @p visit for each open context of the class, which is locked meanwhile. No lock of a context may be held. */
void hg_context_each(struct hg_class *hg_class, void (*visit)(struct hg_context *context, void *arg), void *arg);

/** Calls @p visit for each open session of the context, which may send, and thereby end it or others. Needs the lock. */
void hg_context_each_session(struct hg_context *context, void (*visit)(struct hg_session *session));

/** Whether answers are on their way out still. Needs the lock. */
bool hg_context_sending(const struct hg_context *context);

/** Whether new requests are refused. Any thread that knows the context to be there. Relaxed: nothing else is learnt by it, and
 *  who asks without the lock asks again later. */
static inline bool hg_context_refuses(const struct hg_context *context)
{
    return atomic_load_explicit(&context->unposted, memory_order_relaxed) ||
           atomic_load_explicit(&context->closing, memory_order_relaxed);
}

/** Whether new requests from peers are refused: as above, or because the class stops. */
static inline bool hg_context_stops(const struct hg_context *context)
{
    return hg_context_refuses(context) || atomic_load_explicit(&context->hg_class->stopping, memory_order_relaxed);
}

#endif
