/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_tally.h
 * What is counted of each RPC and of each peer, always: see qs_registered_get_counters() and qs_peer_get_counters().
 *
 * RPCs: each context has a table of its own, written under its lock, so that counting is an addition and shares nothing.
 * What a context that was destroyed has counted goes to the class. Latencies are measured for the first calls of an RPC and
 * then for one in HG_TALLY_PERIOD, which counts for as many, because asking the clock twice for each call would cost more
 * than all the rest here; or for all of them, where the class is told so.
 *
 * Peers: each session counts by relaxed stores, under its context's lock, and is in the list of its peer, where others
 * read it under the class's peer_lock. What ended sessions have counted is the peer's own. What happens rarely is counted by
 * the peer at once.
 */

#ifndef HG_HG_TALLY_H
#define HG_HG_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hg/hg_rpc.h"
#include "quicksilver.h"
#include "util/util_hist.h"
#include "util/util_list.h"

/** Of so many calls one is measured, once the first HG_TALLY_FIRST have been. */
#define HG_TALLY_PERIOD 64U
#define HG_TALLY_FIRST  64U

struct hg_addr;
struct hg_class;
struct hg_context;
struct hg_peer;
struct hg_session;

/* --- RPCs ------------------------------------------------------------------------------------------------- */

enum hg_tally_side {
    HG_TALLY_ORIGIN, /**< calls, from the forward to the completion queue */
    HG_TALLY_TARGET, /**< requests, from the completion queue to the answer */
    HG_TALLY_SIDES
};

struct hg_tally_calls {
    uint64_t count;
    uint64_t next;         /**< the count at which one is measured again */
    uint64_t from;         /**< the first one that no measured one stands for yet */
    uint64_t samples;      /**< measured */
    struct util_hist hist; /**< of those; without buckets until there is one */
};

/** What one context has counted of one RPC. */
struct hg_tally_rpc {
    struct hg_tally_calls calls[HG_TALLY_SIDES];

    /* Origin. */
    uint64_t retries;
    uint64_t timeouts;
    uint64_t cancels;
    uint64_t failed[4]; /**< by enum qs_outcome */

    /* Target. */
    uint64_t expired;
    uint64_t withdrawn; /**< cancelled before they ran */
    uint64_t cancelled;
    uint64_t repeats;
    uint64_t refused;
};

/** A table of them, of a context or (under its context_lock) a class. */
struct hg_tally {
    const struct hg_class *hg_class;
    struct hg_tally_rpc **rpcs; /**< owned; by hg_rpc::number; &none where nothing was counted yet */
    uint32_t count;             /**< of them */
    struct hg_tally_rpc none;   /**< always due for a sample, which is when its place is taken by one of its own */
};

/** Part of a handle: whether the call under way is measured. */
struct hg_tally_sample {
    struct hg_tally_calls *calls; /**< borrowed from the table; NULL: it is not, or no call is under way */
    uint64_t begun_ns;
    uint64_t weight; /**< for how many calls it stands */
};

void hg_tally_init(struct hg_tally *tally, const struct hg_class *hg_class);
void hg_tally_fini(struct hg_tally *tally);

/** The counts of an RPC, made if need be. Where there is no memory they are those that nobody reads. */
struct hg_tally_rpc *hg_tally_get(struct hg_tally *tally, const struct hg_rpc *rpc);

/** The same counts if there are any, or NULL. */
const struct hg_tally_rpc *hg_tally_find(const struct hg_tally *tally, uint32_t number);

/** The slow part of hg_tally_begin(): there is no place yet, or the call is to be measured. @p now_ns: if the caller knows
 *  it, else 0. */
void hg_tally_begin_slow(struct hg_tally *tally, const struct hg_rpc *rpc, enum hg_tally_side side,
                         struct hg_tally_sample *sample, uint64_t now_ns);
void hg_tally_end_slow(struct hg_tally_sample *sample);

/** A call of an RPC begins. */
static inline void hg_tally_begin(struct hg_tally *tally, const struct hg_rpc *rpc, enum hg_tally_side side,
                                  struct hg_tally_sample *sample, uint64_t now_ns)
{
    struct hg_tally_calls *calls;

    if (__builtin_expect(rpc->number < tally->count, 1)) {
        calls = &tally->rpcs[rpc->number]->calls[side];
        if (__builtin_expect(calls->count < calls->next, 1)) {
            calls->count++;
            return;
        }
    }
    hg_tally_begin_slow(tally, rpc, side, sample, now_ns);
}

/** It has ended. */
static inline void hg_tally_end(struct hg_tally_sample *sample)
{
    if (__builtin_expect(sample->calls != NULL, 0))
        hg_tally_end_slow(sample);
}

/** It was taken back, as if it had not begun. */
void hg_tally_undo(struct hg_tally *tally, const struct hg_rpc *rpc, enum hg_tally_side side,
                   struct hg_tally_sample *sample);

/** A request that was begun did not run, for the reason that its origin is told. */
void hg_tally_not_run(struct hg_tally *tally, const struct hg_rpc *rpc, struct hg_tally_sample *sample,
                      hg_return_t ret);

/** A call has ended without success. */
void hg_tally_failed(struct hg_tally *tally, const struct hg_rpc *rpc, struct hg_addr *addr, hg_return_t ret,
                     enum qs_outcome outcome);

/** A further attempt of a call begins. */
void hg_tally_retried(struct hg_tally *tally, const struct hg_rpc *rpc, struct hg_addr *addr);

/** Adds what @p from has counted. Where there is no memory for it, it is left out. */
void hg_tally_add(struct hg_tally *into, const struct hg_tally *from);

/** Adds the counts of one RPC to @p sum, whose histograms have buckets once there was something to add to them. */
void hg_tally_sum(struct hg_tally_rpc *sum, const struct hg_tally_rpc *more);
void hg_tally_sum_fini(struct hg_tally_rpc *sum);

/** Adds what all contexts of the class, those that are gone included, have counted of an RPC. Takes their locks in turn. */
void hg_tally_read(struct hg_class *hg_class, uint32_t number, struct hg_tally_rpc *sum);

/** As programs read it. */
void hg_tally_show(const struct hg_tally_rpc *sum, struct qs_rpc_counters *out);

/* --- peers ------------------------------------------------------------------------------------------------ */

/** Part of a session. */
struct hg_tally_session {
    struct util_list link;     /**< of the peer's, under the peer_lock */
    _Atomic uint64_t calls;    /**< forwarded to the peer */
    _Atomic uint64_t requests; /**< received from it */
    _Atomic uint64_t stale_replies;
    _Atomic uint64_t heard_ns; /**< when something came last, as exactly as the context knew the time; 0: never */
    _Atomic uint64_t rtt_ns;   /**< the shortest and the last that a ping took; 0: none was answered */
    _Atomic uint64_t rtt_last_ns;
    _Atomic uint32_t window_used; /**< as hg_tally_refresh() has found it */
    _Atomic uint32_t window;
};

/** Part of a peer; under the peer_lock but for the atomic ones. */
struct hg_tally_peer {
    struct util_list sessions;
    uint64_t calls; /**< of ended sessions, as the next ones are */
    uint64_t requests;
    uint64_t stale_replies;
    uint64_t heard_ns;
    uint64_t rtt_ns;
    uint64_t rtt_last_ns;
    uint64_t connections; /**< sessions that were heard of, and those of them that have ended */
    uint64_t connections_ended;
    uint64_t connections_failed; /**< attempts */
    uint64_t suspicions;
    _Atomic uint64_t retries;
    _Atomic uint64_t timeouts;
    _Atomic uint64_t cancels;
    _Atomic uint64_t failures;
};

void hg_tally_peer_init(struct hg_tally_peer *peer);

/** A session of the peer begins, or leaves the tables. */
void hg_tally_join(struct hg_session *session);
void hg_tally_leave(struct hg_session *session);

/** Has all sessions of a class say how full their windows are. Takes the locks of its contexts, for a few sessions at a time. */
void hg_tally_refresh(struct hg_class *hg_class);

/** What is known of a peer, which a reference keeps there. Takes the peer_lock. */
void hg_tally_peer_read(struct hg_addr *addr, struct qs_peer_counters *out);

/** Adds one to a counter that only the holder of a lock changes, and that others may read without it (hence relaxed). */
static inline void hg_tally_bump(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

#endif
