/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file quicksilver_observe.h
 * Part of quicksilver.h: counters, latencies, and how a running service is asked for them.
 */

#ifndef QUICKSILVER_OBSERVE_H
#define QUICKSILVER_OBSERVE_H

#include "mercury.h"
#include "quicksilver_call.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \name Observation
 * What a running service does, by RPC and by peer: counters that are always kept, and latencies. All of it may be asked by any
 * thread, while others call: no lock is held for longer than it takes to copy a few numbers. docs/observation.md has more,
 * and a sample.
 * \{ */

/** Of which calls a class measures how long they take. */
enum qs_histograms {
    QS_HISTOGRAMS_SAMPLED = 0, /**< the first 64 of an RPC in a context, then one of 64, which counts for them */
    QS_HISTOGRAMS_OFF = 1,     /**< of none */
    QS_HISTOGRAMS_ALL = 2,     /**< of each: costs the clock twice for a call at each side */
};

/**
 * Set of which calls a class measures how long they take: sampled by default. It counts for calls and requests that begin after it.
 *
 * \param hg_class [IN]   the class
 * \param histograms [IN] the setting
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_histograms(hg_class_t *hg_class, enum qs_histograms histograms);

/** How long something took, in nanoseconds. Percentiles are up to 6 % too high, never too low; the ends are exact. All 0 where
 *  nothing was measured. */
struct qs_latency {
    uint64_t count;   /**< those that it tells of, each measured one counted for those that it stands for */
    uint64_t samples; /**< those that were measured */
    uint64_t min_ns;
    uint64_t mean_ns;
    uint64_t p50_ns;
    uint64_t p90_ns;
    uint64_t p99_ns;
    uint64_t p999_ns;
    uint64_t max_ns;
};

/** What a class has done for one RPC since HG_Init(). New fields are added at the end. */
struct qs_rpc_counters {
    uint64_t calls;                 /**< forwarded; those that have not failed were answered, or are under way */
    uint64_t attempts;              /**< the calls and their retries */
    uint64_t retries;               /**< attempts after the first of a call */
    uint64_t timeouts;              /**< calls that ended with HG_TIMEOUT */
    uint64_t cancels;               /**< calls that ended with HG_CANCELED */
    uint64_t failed_unknown;        /**< calls that failed with QS_OUTCOME_UNKNOWN; these four make up all failures */
    uint64_t failed_not_sent;       /**< with QS_OUTCOME_NOT_SENT */
    uint64_t failed_not_executed;   /**< with QS_OUTCOME_NOT_EXECUTED */
    uint64_t failed_executed;       /**< with QS_OUTCOME_EXECUTED */
    struct qs_latency call_latency; /**< from the forward until the callback is ready, failures and retries included */
    uint64_t requests;              /**< received requests whose handler was called */
    uint64_t expired;               /**< received requests that did not run because their time was over */
    uint64_t withdrawn; /**< received requests that were cancelled before they ran, or whose context went away */
    uint64_t cancelled; /**< received requests for whose answers nobody waits any more */
    uint64_t repeats;   /**< received requests that had been received before, and did not run again */
    uint64_t refused;   /**< received requests that were refused for any other reason */
    struct qs_latency handler_latency; /**< from the handler's call to its answer; without one, to the handle's end */
};

/**
 * Read what a class has counted for an RPC: the sums over its contexts. Any thread.
 *
 * \param hg_class [IN] the class
 * \param id [IN]       the RPC
 * \param out [OUT]     where to
 * \param out_size [IN] sizeof(struct qs_rpc_counters) as the caller was compiled; more than the library knows is zeroed
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if the id is not registered
 */
HG_PUBLIC hg_return_t qs_registered_get_counters(const hg_class_t *hg_class, hg_id_t id, struct qs_rpc_counters *out,
                                                 size_t out_size);

/** What a class knows of a peer, summed over all that its contexts share with it. It is kept as long as there is a
 *  connection, or somebody holds the address. Calls to oneself do not count. New fields are added at the end. */
struct qs_peer_counters {
    uint64_t calls;              /**< forwarded to it */
    uint64_t attempts;           /**< the calls and their retries */
    uint64_t retries;            /**< attempts after the first of a call */
    uint64_t timeouts;           /**< calls that ended with HG_TIMEOUT */
    uint64_t cancels;            /**< calls that ended with HG_CANCELED */
    uint64_t failures;           /**< calls that ended without success, those two included */
    uint64_t requests;           /**< received from it */
    uint64_t stale_replies;      /**< answers of it to calls that had ended */
    uint64_t connections;        /**< made */
    uint64_t connections_ended;  /**< of those, ended */
    uint64_t connections_failed; /**< that could not be made */
    uint64_t suspicions;         /**< times that it became suspect */
    uint64_t rtt_ns;      /**< the shortest round trip of a ping; 0: none was needed, or none has been answered */
    uint64_t rtt_last_ns; /**< the last one */
    /** How long ago something came from it, as exactly as its context knew the time; UINT64_MAX: nothing has. */
    uint64_t heard_ns_ago;
    uint64_t window_used; /**< requests on their way, and not yet taken up by it */
    uint64_t window;      /**< how many of those there may be */
    uint64_t sessions;    /**< pairs of contexts that are in contact now */
    uint64_t state;       /**< enum qs_peer_state */
};

/**
 * Read what a class knows of a peer. Any thread.
 *
 * \param hg_class [IN] the class
 * \param addr [IN]     the peer
 * \param out [OUT]     where to
 * \param out_size [IN] sizeof(struct qs_peer_counters) as the caller was compiled; more than the library knows is zeroed
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_peer_get_counters(const hg_class_t *hg_class, hg_addr_t addr, struct qs_peer_counters *out,
                                           size_t out_size);

/** Peers and RPCs that qs_stats_json() lists. */
#define QS_STATS_PEERS_MAX 1000U
#define QS_STATS_RPCS_MAX  1000U

/**
 * Tell all that is counted, as one JSON object in one line: of the class, its contexts, its RPCs, and its peers. It is valid JSON
 * whatever peers call themselves. Where there are more than QS_STATS_PEERS_MAX peers, those in trouble come first, then those
 * that were most talked with, and `peers_left_out` says how many are not listed. Any thread.
 *
 * \param hg_class [IN] the class
 * \param text_p [OUT]  the text, to be freed with qs_stats_free()
 *
 * \return HG_SUCCESS, HG_INVALID_ARG or HG_NOMEM
 */
HG_PUBLIC hg_return_t qs_stats_json(const hg_class_t *hg_class, char **text_p);

/**
 * Free what qs_stats_json() gave.
 *
 * \param text [IN] the text, or NULL
 */
HG_PUBLIC void qs_stats_free(char *text);

/**
 * Have each signal of a kind write what qs_stats_json() tells, of all classes of the process, a line for each. The handler only sets
 * a flag and wakes who sleeps in HG_Progress(); the next HG_Progress() or HG_Event_progress() of any class writes. A
 * handler that is there for the signal is called as well, after ours; one that is installed later takes our place. Nothing
 * is installed unless it is asked for, by this or by the environment: QS_STATS_SIGNAL ("USR1", "SIGUSR2", "HUP", or a number) and
 * QS_STATS_FILE count when the first class is opened.
 *
 * \param signal_number [IN] the signal, for example SIGUSR1; 0 puts back what was there before
 * \param path [IN]          the file that the lines are appended to, made if need be; "%p" in it stands for the process id. NULL
 *                           or "": stderr
 *
 * \return HG_SUCCESS, HG_INVALID_ARG (no signal that can be caught, too long a path), or HG_BUSY if another signal
 *         was chosen already
 */
HG_PUBLIC hg_return_t qs_stats_dump_on_signal(int signal_number, const char *path);

/** \}
 * \name Measuring
 * \{ */

/**
 * Turn batching on or off: whether messages for one peer that are sent in one turn may leave together in one frame. It
 * is on by default, costs nothing when there is one message only, and is turned off to measure what it brings.
 *
 * \param hg_class [IN] the class
 * \param batching [IN] true for on
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_batching(hg_class_t *hg_class, bool batching);

/** What a class has done since HG_Init(). Each counter only grows. New ones are added at the end. */
struct qs_counters {
    uint64_t rpc_req_sent;    /**< requests sent */
    uint64_t rpc_req_recv;    /**< requests received */
    uint64_t rpc_resp_sent;   /**< responses sent */
    uint64_t rpc_resp_recv;   /**< responses received */
    uint64_t rpc_oneway_sent; /**< of the requests sent, those that want no response */
    uint64_t frames_sent;     /**< fabric messages sent, each with one or more of the above */
    uint64_t frames_recv;     /**< fabric messages received */
    uint64_t sends_refused;   /**< times that the fabric had no room and a message waited */
    uint64_t bad_frames;      /**< fabric messages dropped because they broke the protocol */
    uint64_t stale_frames;    /**< dropped because they were meant for, or came from, an earlier incarnation */
    uint64_t unknown_rpc;     /**< requests for an RPC that is not registered */
    uint64_t timeouts;        /**< calls ended by their time-out */
    uint64_t cancels;         /**< calls ended by HG_Cancel() */
    uint64_t route_up;        /**< connections made */
    uint64_t route_down;      /**< connections ended */
    uint64_t overflow_in;     /**< inputs too large for an eager message */
    uint64_t overflow_out;    /**< outputs too large for an eager message */
    uint64_t bulk_ops;        /**< bulk transfers completed */
    uint64_t bulk_bytes;      /**< bytes moved by them */
    uint64_t wakeups;         /**< times that a sleeping thread was woken by another */
    uint64_t sleeps;          /**< times that a thread in progress went to sleep */
    uint64_t checksum_errors; /**< frames, headers and payloads that were damaged on their way */
    uint64_t retries;         /**< attempts after the first of a call */
    uint64_t repeats;         /**< requests received that had been received before, and did not run again */
    uint64_t cancelled;       /**< requests received for whose answers nobody waits any more */
    uint64_t expired;         /**< requests received whose time was over before their handler could run */
    uint64_t pings_sent;      /**< questions to peers for which calls wait and that have been silent */
    uint64_t shed;            /**< requests received and refused for lack of room */
    uint64_t stale_replies;   /**< answers to calls that had ended, dropped; they are among stale_frames, too */
    uint64_t refused;         /**< requests received that were refused before they were kept: no room, no such RPC */
    uint64_t stalls;          /**< times that nobody had made progress for 100 ms while something waited for it */
    uint64_t records_evicted; /**< origins of which a target has forgotten what it had executed for them */
    uint64_t answers_dropped; /**< answers to requests that run at most once that were not kept, for lack of room */
};

/**
 * Read the counters of a class: the sums over its contexts, whose locks are taken in turn for as long as it takes to copy them.
 *
 * \param hg_class [IN] the class
 * \param out [OUT]     where to
 * \param out_size [IN] sizeof(struct qs_counters) as the caller was compiled; more than the library knows is zeroed
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_get_counters(const hg_class_t *hg_class, struct qs_counters *out, size_t out_size);

/** \} */

#ifdef __cplusplus
}
#endif

#endif /* QUICKSILVER_OBSERVE_H */
