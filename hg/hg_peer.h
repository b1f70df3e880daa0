/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_peer.h
 * What a class knows of one peer, whichever of its contexts learnt it: whether it lives, as qs_peer_state() and the peer
 * callback tell it, and how often connections to it failed in a row.
 *
 * Each session has a state of its own (hg_liveness.h), under its context's lock, and comes here when that changes. The
 * peer's is the one that asks for most attention: suspect if one session is, else alive if one is and takes requests, else leaving, else what the last of
 * them left behind. Everything is under the class's peer_lock, which is taken after a context's lock and held for a few
 * instructions; no call and no message comes here.
 */

#ifndef HG_HG_PEER_H
#define HG_HG_PEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hg/hg_event.h"
#include "hg/hg_queue.h"
#include "hg/hg_tally.h"
#include "quicksilver.h"

/** Failed connection attempts in a row from which on a peer counts as one that refuses. */
#define HG_PEER_FAILURES_MAX 5U
/** Nothing was set: calls of qs_forward() have a breaker, those of HG_Forward() have none. */
#define HG_PEER_BREAKER_DEFAULT UINT64_MAX

struct hg_addr;
struct hg_context;

/** Part of an address. All under the class's peer_lock. */
struct hg_peer {
    _Atomic(enum qs_peer_state) state; /**< as seen from outside; read without the lock */
    enum qs_peer_state rest;           /**< what it is when no session tells */
    uint32_t connecting;               /**< sessions in these states */
    uint32_t alive;
    uint32_t suspect;
    uint32_t leaving; /**< of those that are alive or suspect, the ones whose peer takes no new requests */

    /* The circuit breaker. */
    uint32_t failures; /**< attempts in a row that failed */
    uint32_t rests;    /**< of those, since the breaker is open */
    uint64_t until_ns; /**< no attempt before this */

    /* The callback: one entry, which tells the latest when it runs. */
    struct hg_completion completion;
    bool queued; /**< with a reference to the address */
    enum qs_peer_state told;
    const char *reason; /**< constant text */

    /* Observation. */
    struct hg_tally_peer tally;
    struct hg_peer_events events; /**< atomic */
};

void hg_peer_init(struct hg_peer *peer);

/** A session with the peer moves between QS_PEER_UNKNOWN, where it does not count, and the three states of an open one.
 *  Needs the lock of @p context, the session's, where the callback will run. @p reason is constant text. */
void hg_peer_move(struct hg_context *context, struct hg_addr *addr, enum qs_peer_state from, enum qs_peer_state to,
                  const char *reason);

/** The peer of a session takes no new requests; */
void hg_peer_leaving(struct hg_context *context, struct hg_addr *addr);
/** such a session is about to end, which hg_peer_leave() will tell. */
void hg_peer_leaving_ends(struct hg_addr *addr);

/** A session in state @p from has ended, and leaves the peer as @p rest. */
void hg_peer_leave(struct hg_context *context, struct hg_addr *addr, enum qs_peer_state from, enum qs_peer_state rest,
                   const char *reason);

/** A session in state QS_PEER_CONNECTING has ended without ever having been connected. */
void hg_peer_failed(struct hg_context *context, struct hg_addr *addr, const char *reason);

/** Whether a call may try to reach the peer: 0, or -EHOSTUNREACH while the breaker is open. @p bounded: it is one of
 *  qs_forward(), which has a breaker unless the class says otherwise. Any lock may be held but the peer_lock. */
int hg_peer_admit(struct hg_addr *addr, bool bounded);

#endif
