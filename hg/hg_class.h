/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_class.h
 * What an hg_class_t points at: one identity on the network, its transports, its registered RPCs, its
 * addresses and its contexts. Everything that a call needs on its way is in the context; the class holds
 * what is constant, or changes rarely under a lock of its own.
 */

#ifndef HG_HG_CLASS_H
#define HG_HG_CLASS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bulk/bulk_owner.h"
#include "hg/hg_admit.h"
#include "hg/hg_event.h"
#include "hg/hg_flusher.h"
#include "hg/hg_liveness.h"
#include "hg/hg_once.h"
#include "hg/hg_rpc.h"
#include "hg/hg_tally.h"
#include "mercury.h"
#include "na/na.h"
#include "quicksilver.h"
#include "util/util_list.h"
#include "util/util_lock.h"

#define HG_CLASS_ADDR_BUCKETS 256U

/** What a class and its addresses are called outside, as in Mercury: "ofi", "tcp" and "ofi+tcp://...", or "na", "sm" and
 *  "na+sm://..." where the program asked for that. Inside, and on the wire, addresses are "tcp://..." and "shm://...". */
struct hg_class_names {
    const char *name;
    const char *protocol;
    const char *prefix; /**< what the text of an address begins with, */
    size_t skip;        /**< in place of so many bytes of ours */
};

/** The user's pointer with the function that frees it. */
struct hg_user_data {
    void *data;
    void (*free_callback)(void *);
};

/** One of the class's transports. */
struct hg_transport {
    struct na_class *na;     /**< owned */
    struct na_limits limits; /**< its own, with frame_max made a multiple of 8 */
};

struct hg_class {
    /* Identity; constant after HG_Init. */
    struct na_class *na;             /**< of the first transport, which gives the class its address */
    uint32_t fork_generation;        /**< hg_fork_generation when it was opened */
    uint64_t incarnation;            /**< random and not 0, new for every class: tells a restarted process apart */
    _Atomic uint32_t session_number; /**< of the next session: hellos say it, so that late ones are known */
    struct hg_addr *self;            /**< a reference */
    struct hg_class_names names;
    struct hg_transport transports[BULK_TRANSPORTS_MAX]; /**< by enum bulk_transport */
    uint32_t transport_count;

    /* Options; constant after HG_Init unless atomic. */
    struct hg_init_info options;
    size_t eager_size[2];           /**< payload bytes of one eager message: [0] input, [1] output */
    size_t user_offset[2];          /**< bytes in front of the encoded data that are the user's own: input, output */
    _Atomic uint64_t timeout_us;    /**< of calls that have no limit of their own; 0: none */
    atomic_bool batching;           /**< several messages in one frame */
    atomic_bool cancel_nested;      /**< calls end with the request that they serve */
    _Atomic uint64_t bulk_grace_us; /**< for which ended calls wait until their targets let go of their memory */
    atomic_bool bulk_forward;       /**< bound descriptors may name others than who sent them */
    uint16_t message_flags;         /**< what every message carries: HG_MESSAGE_CHECKED and so on */
    uint32_t context_max;

    /* Tables. */
    struct hg_rpc_table rpcs;
    _Atomic uint32_t in_flight_max;    /**< calls of qs_forward() to one peer; 0: any number */
    _Atomic uint32_t retry_percent;    /**< repetitions that a peer's calls earn: of each hundred; */
    _Atomic uint32_t retry_per_second; /*   and in any case */
    struct hg_once once;               /**< requests that run at most once */
    struct hg_admission admission;     /**< requests that may be here */
    _Atomic uint32_t window;           /**< what each peer may have sent ahead, 1 to HG_SESSION_WINDOW */
    atomic_bool stopping;              /**< no new requests are taken from peers: see hg_drain.c */
    struct util_lock addr_lock;        /**< addr_buckets and the death of addresses */
    struct util_list addr_buckets[HG_CLASS_ADDR_BUCKETS];
    struct util_lock
        context_lock;           /**< creation and destruction of contexts, closed_counters; taken before their locks */
    struct util_lock post_lock; /**< keeps a context in `contexts` while a parcel is posted to it; taken after them */
    _Atomic(struct hg_context *) contexts[NA_CONTEXTS_MAX];

    struct hg_flusher flusher;

    /* Peers. */
    struct util_lock peer_lock; /**< the hg_peer of every address, and the callback; taken after a context's lock */
    qs_peer_cb_t peer_callback;
    void *peer_callback_arg;
    _Atomic uint64_t breaker_max_us; /**< the longest rest of the circuit breaker; 0: there is none */
    struct hg_liveness_options liveness;

    struct util_list open_link; /**< in the list of the process's open classes, under its lock */

    /* Open objects of the user: HG_Finalize says HG_BUSY while any is above 0. */
    atomic_uint context_count;
    atomic_uint addr_count;
    struct bulk_owner bulks; /**< what all bulk handles of the class share; its user is this class */
    struct util_list
        bulk_abroad; /**< transfers of contexts with memory that came with a call to another one; under bulks.lock */

    struct qs_counters closed_counters; /**< what destroyed contexts have counted */

    /* Observation. */
    uint64_t begun_ns; /**< when it was opened */
    _Atomic(enum qs_histograms) histograms;
    struct hg_tally closed_tally; /**< what destroyed contexts have counted; under context_lock */
    struct hg_events events;      /**< atomic */

    struct hg_user_data user;
    hg_return_t (*handle_create)(hg_handle_t, void *);
    void *handle_create_arg;
};

/** Reads the limits of a transport that was just opened. */
static inline void hg_transport_learn_limits(struct hg_transport *transport)
{
    transport->limits = *na_class_limits(transport->na);
    transport->limits.frame_max &= ~(size_t)7U; /* messages are padded to 8 bytes */
}

/** Calls @p visit for each open class of the process, under the lock of their list, which is taken before any lock of a
 *  class: @p visit must neither open nor close a class, nor write to the log, which may be the user's code. */
void hg_class_each(void (*visit)(struct hg_class *hg_class, void *arg), void *arg);

/** In a forked child: the list of open classes is empty, whatever it held. */
void hg_class_forget_all(void);

/** Replaces the user's pointer, freeing nothing (as Mercury's *_set_data do). */
static inline void hg_user_data_set(struct hg_user_data *user, void *data, void (*free_callback)(void *))
{
    user->data = data;
    user->free_callback = free_callback;
}

/** Runs the free callback, once. */
static inline void hg_user_data_free(struct hg_user_data *user)
{
    if (user->free_callback != NULL && user->data != NULL)
        user->free_callback(user->data);
    hg_user_data_set(user, NULL, NULL);
}

#endif
