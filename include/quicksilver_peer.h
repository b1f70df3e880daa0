/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file quicksilver_peer.h
 * Part of quicksilver.h: whether peers live, what a target takes in from them, and stopping with grace.
 */

#ifndef QUICKSILVER_PEER_H
#define QUICKSILVER_PEER_H

#include "mercury.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \name Peers
 * Whether the processes that a class talks to live. Only what calls and transfers wait for is looked after: when nothing has
 * come from a peer for a while, it is sent a ping, and three of them without an answer make it suspect. A suspect peer may be
 * stopped, busy, or cut off, and its calls go on. A dead one has ended, or its connection has, and its calls end at once, with
 * HG_HOSTUNREACH.
 * How soon a death is known depends on the transport: see docs/reliability.md.
 * \{ */

/** What is known of a peer. */
enum qs_peer_state {
    QS_PEER_UNKNOWN,    /**< never contacted, or no longer in contact */
    QS_PEER_CONNECTING, /**< contacted, and not heard of yet */
    QS_PEER_ALIVE,      /**< heard of; still so when nothing waits for it, however long ago that was */
    QS_PEER_SUSPECT,    /**< pings go unanswered */
    QS_PEER_DEAD,       /**< its connection or its process has ended, or a successor answers that was not called yet */
    QS_PEER_REFUSING,   /**< five connection attempts in a row have failed */
    QS_PEER_LEAVING,    /**< it has said that it takes no new requests, and answers those that it has */
};

/** A change of what is known of a peer. */
struct qs_peer_change {
    hg_addr_t addr; /**< the peer; valid during the callback, HG_Addr_dup() keeps it */
    enum qs_peer_state before;
    enum qs_peer_state after;
    const char *reason; /**< a few words on what led to it */
};

/** A callback on such changes. */
typedef void (*qs_peer_cb_t)(const struct qs_peer_change *change, void *arg);

/**
 * Tell what is known of a peer: of all sessions that the contexts of the class have with it, the one that asks for most
 * attention counts, suspect before alive. Costs a read of memory.
 *
 * \param hg_class [IN] the class
 * \param addr [IN]     the peer; one's own address is always alive
 *
 * \return the state; QS_PEER_UNKNOWN also for an address of another class
 */
HG_PUBLIC enum qs_peer_state qs_peer_state(const hg_class_t *hg_class, hg_addr_t addr) HG_WARN_UNUSED_RESULT;

/**
 * Get the word for a state.
 *
 * \param state [IN] the state
 *
 * \return a constant string, for example "suspect"
 */
HG_PUBLIC const char *qs_peer_state_text(enum qs_peer_state state) HG_WARN_UNUSED_RESULT;

/**
 * Have a function called when what is known of a peer changes. It runs in HG_Trigger() of the context that noticed (or in
 * HG_Context_destroy(), like all that is ready then), counts as a callback there, and ends HG_Progress() as others do. Changes that come before it has run are told as one, from what
 * was told last to what is; those that cancel each other out are not told.
 *
 * \param hg_class [IN] the class
 * \param callback [IN] the function, or NULL for none
 * \param arg [IN]      handed to it
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_peer_callback(hg_class_t *hg_class, qs_peer_cb_t callback, void *arg);

/**
 * Set after what silence a peer is pinged, and how many pings it may leave unanswered. The second and the later pings follow
 * after half as long. A class on which nothing waits sends none.
 *
 * \param hg_class [IN]    the class
 * \param interval_us [IN] microseconds, 10,000 to an hour, and never less than four round trips; 0 for the default: one
 *                         second, half a second where only sending shows that a peer has died
 * \param count [IN]       pings, up to 1,000; 0 for the default, 3
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_ping(hg_class_t *hg_class, uint64_t interval_us, unsigned int count);

/**
 * Set how long a suspect peer may be silent before calls to it end with HG_HOSTUNREACH, as if it were dead. By default there
 * is no such limit, and calls end by their time-outs. Over verbs it should be more than 5 s and an interval of pings: a peer is silent for
 * 5 s at a time while its device may be sending again what was lost of a transfer (docs/rdma.md).
 *
 * \param hg_class [IN] the class
 * \param limit_us [IN] microseconds; 0 for none
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_silence_limit(hg_class_t *hg_class, uint64_t limit_us);

/**
 * Set the circuit breaker towards peers that refuse: after five connection attempts in a row that failed, calls to the peer
 * fail at once, in the forward itself with HG_HOSTUNREACH, for 10 ms. Then one call may try again, and if that fails, the
 * rest is twice as long, and so on. By default qs_forward() has a breaker with a rest of up to 30 seconds, and HG_Forward() has
 * none: there each call tries.
 *
 * \param hg_class [IN]    the class
 * \param rest_max_us [IN] the longest rest in microseconds, for all calls; more than 30 seconds count as 30; 0 for no breaker
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_breaker(hg_class_t *hg_class, uint64_t rest_max_us);

/** \}
 * \name Overload
 * What a target takes in. A request that finds no room is refused before it is kept, as not executed, with HG_AGAIN and the time
 * after which it may find some (qs_result::retry_after_us); calls with attempts left (quicksilver_call.h) come back after that
 * time by themselves. One-way requests count, but are not refused, since nobody would be told; the window bounds them. Nor are
 * calls to oneself. By default only the share of a single peer is limited, and that beyond what any program needs.
 * \{ */

/** What a class takes in. Limits of requests are for each of its contexts. 0 in a field asks for its default, the greatest number
 * for no limit. New fields are added at the end. */
struct qs_admission {
    /** Requests that may be here at once, from their first byte until they are answered; no limit by default. Set it to what the
     *  service can work on at once, and a little more. */
    uint32_t requests_max;
    /** Of those, the ones that may wait for HG_Trigger() to run their handlers; no limit by default. A single peer may have at most
     *  as many there as there are places left, so that there is always room for others. */
    uint32_t waiting_max;
    /** How long one may wait for its handler, in microseconds; no limit by default. Those that have waited longer when their
     *  turn comes are refused, and so are those that come when they would have to, judged by what the last ones took. */
    uint64_t wait_max_us;
    /** Requests of one peer that may be here at once; 65,536 by default. */
    uint32_t peer_requests_max;
    /** Bytes of their inputs in a context, and of large outputs that have not been fetched yet; a quarter of the machine's memory by default. A
     *  single input is always taken, and a single output always kept. A one-way request that finds no room is lost, and the
     *  log says so. */
    uint64_t peer_bytes_max;
    /** Connections that a peer may open to a context; 1,024 by default. */
    uint32_t peer_sessions_max;
    /** What refused callers are told, in microseconds; by default it is estimated, between 1 ms and 1 s. */
    uint32_t retry_after_us;
};

/**
 * Set what a class takes in. It counts for requests that come after it.
 *
 * \param hg_class [IN]  the class
 * \param admission [IN] the limits, or NULL for the defaults; copied
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_admission(hg_class_t *hg_class, const struct qs_admission *admission);

/**
 * Set how many requests each context of a peer may have sent ahead to each of ours, that is, whose handlers HG_Trigger() has not begun
 * to run. Those beyond wait at their origins and are not refused. Peers are told at once; what is under way already comes.
 *
 * \param hg_class [IN] the class
 * \param requests [IN] 1 to 512; 0 for the default, 512
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_window(hg_class_t *hg_class, uint32_t requests);

/** \}
 * \name Stopping
 * A service that is to end first stops: its peers are told, and see it as QS_PEER_LEAVING; it takes no new connections, so a
 * successor can have its address; new requests from peers are refused as not executed, with HG_HOSTUNREACH; those that are here are
 * answered. Calls to itself and calls that it makes go on, since its handlers may need them. There is no way back.
 * \{ */

/**
 * Stop taking requests. Any thread, without waiting; also more than once.
 *
 * \param hg_class [IN] the class
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_stop(hg_class_t *hg_class);

/**
 * Say whether a class that was stopped has answered all requests, and the answers have left. Any thread.
 *
 * \param hg_class [IN] the class
 *
 * \return true if so; false also if it was not stopped
 */
HG_PUBLIC bool qs_class_drained(const hg_class_t *hg_class) HG_WARN_UNUSED_RESULT;

/**
 * Stop, and wait until all requests are answered; cancel those that are not by then, and give their handlers another 100 ms.
 * It makes progress on all contexts and runs what is ready in the calling thread, which must not be in a callback; others may do so at
 * the same time. No context may be destroyed meanwhile.
 *
 * \param hg_class [IN]   the class
 * \param timeout_us [IN] how long to wait, in microseconds
 *
 * \return HG_SUCCESS if all were answered, HG_TIMEOUT if some were cancelled (qs_error_detail() says how many) or a peer does
 *         not take its answers, or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_drain(hg_class_t *hg_class, uint64_t timeout_us);

/** \} */

#ifdef __cplusplus
}
#endif

#endif /* QUICKSILVER_PEER_H */
