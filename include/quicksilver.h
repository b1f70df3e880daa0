/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file quicksilver.h
 * What Quicksilver has beyond the Mercury interface. It includes all of that, so this header is enough for a new
 * program. The rules at the top of mercury.h hold here, too.
 */

#ifndef QUICKSILVER_H
#define QUICKSILVER_H

#include "mercury.h"
#include "mercury_bulk.h"
#include "mercury_macros.h"
#include "mercury_proc.h"
#include "mercury_proc_bulk.h"
#include "mercury_proc_string.h"

/** The version of Quicksilver that a program compiles against. */
#define QS_VERSION_MAJOR 0
#define QS_VERSION_MINOR 1
#define QS_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/** \name Calls
 * \{ */

/** The time limit of a qs_forward() for which none is set: 30 s. */
#define QS_TIMEOUT_DEFAULT_US UINT64_C(30000000)
/** Calls of qs_forward() that a context may have under way to one peer by default. */
#define QS_IN_FLIGHT_DEFAULT 1024U

/**
 * Forward a call as HG_Forward() does, but never without bounds: where no time limit is set for it (see below) it has
 * one of QS_TIMEOUT_DEFAULT_US, and when too many are under way to its target already it is refused, rather than wait. For new
 * programs.
 *
 * \param handle [IN]    the handle
 * \param callback [IN]  called by HG_Trigger() when the call has ended, once; not if an error is returned
 * \param arg [IN]       handed to it
 * \param in_struct [IN] the input, needed during this call only
 *
 * \return HG_SUCCESS, HG_AGAIN if too many calls are under way (nothing was taken: forward it again when one of them has
 *         ended), or what HG_Forward() returns
 */
HG_PUBLIC hg_return_t qs_forward(hg_handle_t handle, hg_cb_t callback, void *arg, void *in_struct);

/**
 * Set how many calls of qs_forward() each context of a class may have under way to one peer. It counts for calls forwarded
 * after it.
 *
 * \param hg_class [IN] the class
 * \param count [IN]    the number; 0: any
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_in_flight(hg_class_t *hg_class, uint32_t count);

/** \}
 * \name Time limits of calls
 * A call that is not answered in time ends with HG_TIMEOUT in its callback. The most special setting counts: that of
 * the handle, else that of the RPC, else that of the class; by default there is none and a call waits for ever. A
 * setting counts for calls forwarded after it. All times are microseconds, 0 removes the setting, and UINT64_MAX means
 * "no time-out" where a more general setting would apply.
 *
 * The limit counts from the forward on, waiting included, and travels with the call as the time that is left, so that the
 * clocks of the two hosts do not matter. A target does not begin to run what has expired: its handler is not called. A reply
 * that has arrived counts, also when its limit has passed by the time that HG_Progress() comes to read it.
 *
 * A call that a handler makes before it has answered gets no more time than is left for the call that it serves, unless its
 * own handle says UINT64_MAX. That holds for calls made in the handler's function and, from there on, in the callbacks of
 * calls and bulk transfers that were begun in it; a call that another thread makes for it, or a user-level thread which the
 * handler started, is told by qs_handle_set_parent() what it serves.
 * \{ */

/**
 * Set the time-out of all calls that a class makes.
 *
 * \param hg_class [IN]   the class
 * \param timeout_us [IN] microseconds; 0 for none
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_timeout(hg_class_t *hg_class, uint64_t timeout_us);

/**
 * Set the time-out of all calls of an RPC that a class makes.
 *
 * \param hg_class [IN]   the class
 * \param id [IN]         the RPC
 * \param timeout_us [IN] microseconds; 0 for that of the class
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if the id is not registered
 */
HG_PUBLIC hg_return_t qs_registered_set_timeout(hg_class_t *hg_class, hg_id_t id, uint64_t timeout_us);

/**
 * Set the time-out of the next calls of a handle, until HG_Reset() clears it.
 *
 * \param handle [IN]     the handle, without a call in progress
 * \param timeout_us [IN] microseconds; 0 for that of the RPC or class
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_BUSY while a call is in progress
 */
HG_PUBLIC hg_return_t qs_handle_set_timeout(hg_handle_t handle, uint64_t timeout_us);

/**
 * Get the time that is left for a call: at the target, before its origin gives up; at the origin, before it ends. Any
 * thread.
 *
 * \param handle [IN] a received request, or a call in progress
 *
 * \return microseconds, 0 if the limit has passed; UINT64_MAX if there is none, if no call is in progress, or for NULL
 */
HG_PUBLIC uint64_t qs_handle_remaining(hg_handle_t handle) HG_WARN_UNUSED_RESULT;

/**
 * Say which received request the next calls of a handle serve, until HG_Reset() clears it: they get no more time than is left
 * for that one, and end with HG_CANCELED when it is cancelled. It takes the place of what the library knows by itself (see above).
 *
 * \param handle [IN] the handle of a call to make, without a call in progress
 * \param parent [IN] the received request, or HG_HANDLE_NULL: the calls serve nobody. Needed for this call only
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_BUSY while a call is in progress
 */
HG_PUBLIC hg_return_t qs_handle_set_parent(hg_handle_t handle, hg_handle_t parent);

/** \}
 * \name Results of calls
 * \{ */

/** What is known of a call that has ended. */
enum qs_outcome {
    QS_OUTCOME_UNKNOWN = 0,      /**< it may have been executed, or may still be */
    QS_OUTCOME_NOT_SENT = 1,     /**< it never left this process: not executed, and will not be */
    QS_OUTCOME_NOT_EXECUTED = 2, /**< the target did not execute it, and will not */
    QS_OUTCOME_EXECUTED = 3,     /**< the target's handler has run and has answered, or has ended without */
};

/** The result of a call. New fields are added at the end. */
struct qs_result {
    hg_return_t ret;         /**< what its callback was told */
    enum qs_outcome outcome; /**< EXECUTED after HG_SUCCESS, but for one-way calls: their success is UNKNOWN */
    uint32_t attempts;       /**< how often it was sent, or tried to */
    uint64_t elapsed_us;     /**< from the forward to its failure, where it had a time limit; else 0 */
    const char *detail;      /**< one sentence that says what happened; valid until the thread's next call into the
                                library */
    uint64_t retry_after_us; /**< where the target refused for lack of room: when it thinks to have some; else 0 */
};

/**
 * Get the result of a handle's last call. Valid from its callback on, until the handle is forwarded again, reset or
 * destroyed. Any thread.
 *
 * \param handle [IN]      the handle that was forwarded
 * \param result [OUT]     where to
 * \param result_size [IN] sizeof(struct qs_result) as the caller was compiled; more than the library knows is zeroed
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if no call of the handle has ended
 */
HG_PUBLIC hg_return_t qs_handle_get_result(hg_handle_t handle, struct qs_result *result, size_t result_size);

/**
 * Get the name of an outcome, for example "NOT_SENT".
 *
 * \param outcome [IN] the outcome
 *
 * \return a constant string
 */
HG_PUBLIC const char *qs_outcome_text(enum qs_outcome outcome) HG_WARN_UNUSED_RESULT;

/** \}
 * \name Retries
 * A call that fails may be tried again by the library, if its RPC says at its origin what a repetition means there. By
 * default nothing is repeated, as in Mercury. An attempt that ends because its connection failed, because the target refused it
 * for lack of room, because it was damaged, or because an attempt's own time is over, is repeated after a pause, as long as
 * there are attempts, time (see above) and budget left: the pause is a random time between 0 and a bound that doubles
 * with each attempt. The budget belongs to each peer: a tenth of its calls may be repetitions, and ten a second in any case, so
 * that repetitions do not keep down a target that is in trouble.
 *
 * One-way calls and calls to oneself are tried once.
 * \{ */

/** What a repetition of a call means. */
enum qs_method {
    QS_METHOD_ONCE = 0,       /**< repeated only when it is certain that it has not been executed */
    QS_METHOD_IDEMPOTENT = 1, /**< to execute it twice is to execute it once: may be repeated whenever it failed */
    /** May be repeated whenever it failed; the target executes it at most once. It keeps answers of up to 64 KiB until
     *  their origins are known to have them, and gives them again. What a target that was restarted in between has executed,
     *  nobody knows: such a call ends with QS_OUTCOME_UNKNOWN rather than run again. */
    QS_METHOD_AT_MOST_ONCE = 2,
};

/** How calls are repeated. Zero in a field asks for its default. New fields are added at the end. */
struct qs_retry {
    uint32_t attempts_max;       /**< the first one included; 3 by default, 1 with QS_METHOD_ONCE */
    uint64_t attempt_timeout_us; /**< after which an attempt is given up; none by default */
    uint64_t pause_us;           /**< the bound of the first pause; 1,000 by default */
    uint64_t pause_max_us;       /**< the bound of all pauses; 1,000,000 by default */
};

/**
 * Say what a repetition of an RPC's calls means. It counts for the calls that a class makes; targets need not be told.
 *
 * \param hg_class [IN] the class
 * \param id [IN]       the RPC
 * \param method [IN]   the meaning
 * \param retry [IN]    how they are repeated, or NULL for the defaults; copied
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if the id is not registered
 */
HG_PUBLIC hg_return_t qs_registered_set_method(hg_class_t *hg_class, hg_id_t id, enum qs_method method,
                                               const struct qs_retry *retry);

/**
 * Say how the next calls of a handle are repeated, until HG_Reset() clears it. What a repetition means is up to the RPC.
 *
 * \param handle [IN] the handle, without a call in progress
 * \param retry [IN]  how, or NULL for what the RPC says; copied
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_BUSY while a call is in progress
 */
HG_PUBLIC hg_return_t qs_handle_set_retry(hg_handle_t handle, const struct qs_retry *retry);

/**
 * Set the budget of repetitions that a class has for each of its peers.
 *
 * \param hg_class [IN]   the class
 * \param percent [IN]    how many a hundred calls earn; 10 by default
 * \param per_second [IN] how many a second earns; 10 by default. Those of 10 seconds and 1,000 calls can be saved up
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_retry_budget(hg_class_t *hg_class, uint32_t percent, uint32_t per_second);

/** \}
 * \name Records that outlive a service
 * What a service has executed of QS_METHOD_AT_MOST_ONCE calls, the library remembers for the life of its class. A service that
 * commits a record of each such call together with its effect, in one transaction of its own, can answer repetitions after its
 * restart as well (the rule of RIFL, SOSP 2015): it names its records by qs_class_set_durable_records(); callers repeat calls
 * to whatever process has that name, instead of giving them up; and its handler asks qs_handle_get_record() whether a request may have
 * run in an earlier life. If so it looks into its records, and either answers as they say, or executes.
 * \{ */

/** Which call a request is of. The first three name it for all time. New fields are added at the end. */
struct qs_record {
    uint64_t origin;         /**< the class that has made the call; random */
    uint64_t origin_context; /**< its context */
    uint64_t sequence;       /**< the number of the call, of those of that context to this service */
    uint64_t first_needed;   /**< records of that context with lower numbers will not be asked for any more */
    bool
        may_have_run; /**< it is a repetition that this class has not seen before: only the service's own records tell whether it ran */
};

/**
 * Say that the service keeps records beyond its life, and which. To be called before peers come, that is, before the
 * first context is made.
 *
 * \param hg_class [IN] the class
 * \param identity [IN] names the records; the same in all lives of the service, and not 0
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_durable_records(hg_class_t *hg_class, uint64_t identity);

/**
 * Get the name of the call that a received request is of. Any thread, until it is answered.
 *
 * \param handle [IN]      the received request
 * \param record [OUT]     where to
 * \param record_size [IN] sizeof(struct qs_record) as the caller was compiled; more than the library knows is zeroed
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if it is answered, or of no call that runs at most once
 */
HG_PUBLIC hg_return_t qs_handle_get_record(hg_handle_t handle, struct qs_record *record, size_t record_size);

/** \}
 * \name Cancelling
 * HG_Cancel() ends a call at its origin at once, as does its time limit, and tells the target. A request whose handler has
 * not begun to run then never runs. One that runs can ask, or be called; it must still be answered or destroyed, and its
 * answer is dropped. A handler learns the same way that its origin's process has gone.
 *
 * Bulk transfers that were begun in a handler (see qs_handle_set_parent() for what that means) with the memory of the origin
 * that cancels end with HG_CANCELED, since that memory is handed back. Calls that a handler makes go on, unless the class says
 * otherwise or they were told by qs_handle_set_parent() what they serve.
 * \{ */

/** Called when nobody waits any more for the answer to a received request: once, by HG_Trigger() of its context. */
typedef void (*qs_cancel_cb_t)(hg_handle_t handle, void *arg);

/**
 * Say whether nobody waits any more for the answer to a received request. Any thread.
 *
 * \param handle [IN] the received request, not destroyed yet
 *
 * \return true if its origin has cancelled it, has given up, or has gone; false else, and for NULL
 */
HG_PUBLIC bool qs_handle_cancelled(hg_handle_t handle) HG_WARN_UNUSED_RESULT;

/**
 * Ask to be called when nobody waits any more for the answer to a received request. It is not called after HG_Respond().
 *
 * \param handle [IN]   the received request, not answered yet
 * \param callback [IN] the function, or NULL for none; the handle is valid in it
 * \param arg [IN]      handed to it
 *
 * \return HG_SUCCESS, HG_CANCELED if that is so already, HG_INVALID_ARG, or HG_BUSY if the request has been answered
 */
HG_PUBLIC hg_return_t qs_handle_set_cancel_callback(hg_handle_t handle, qs_cancel_cb_t callback, void *arg);

/**
 * Say whether the calls and bulk transfers that are begun in handlers of a class end with HG_CANCELED when the request that
 * they serve is cancelled. Off by default: a program written for Mercury does not expect that.
 *
 * \param hg_class [IN]      the class
 * \param cancel_nested [IN] true for on
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_cancel_nested(hg_class_t *hg_class, bool cancel_nested);

/** \}
 * \name Safety of bulk data
 * When a call ends by its time limit or by HG_Cancel(), its target may be at work on memory that the call's input describes (by
 * hg_proc_hg_bulk_t()). If the target may write there, the callback waits until it has said that it moves nothing any more,
 * but not longer than a grace. From the callback on, or from HG_Bulk_free() on where the target did not say so, no byte of
 * that target lands in the memory: docs/bulk-path.md says for each transport how far that is true, and what it takes.
 * \{ */

/** How long the callback of a call that ended early waits for its target, unless said otherwise: 250 ms. */
#define QS_BULK_GRACE_DEFAULT_US UINT64_C(250000)
/** The most that can be asked for: an hour. */
#define QS_BULK_GRACE_MAX_US UINT64_C(3600000000)

/**
 * Set how long the callback of a call that ends early waits for the target to let go of the memory that it was shown. When a
 * bulk handle of such memory is freed before the target has answered, memory that the library allocated is kept
 * until it does; for memory of the user the connection is cut where the transport would go on writing, which ends the
 * other calls to that target, too.
 *
 * \param hg_class [IN] the class
 * \param grace_us [IN] microseconds, at most QS_BULK_GRACE_MAX_US; 0: callbacks wait for nobody
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_bulk_grace(hg_class_t *hg_class, uint64_t grace_us);

/**
 * Say whether HG_Bulk_bind_transfer() follows a descriptor to another address than that of the peer which sent it. On by
 * default: this is what HG_Bulk_bind() is for. A service that takes descriptors from those whom it does not trust, and
 * expects none that were passed on, turns it off; such a transfer is then refused with HG_PERMISSION, as is one with a
 * descriptor that came otherwise than by hg_proc_hg_bulk_t(). Transfers by HG_Bulk_transfer() and HG_Bulk_transfer_id() go to the
 * address that the program names, always.
 *
 * \param hg_class [IN]     the class
 * \param bulk_forward [IN] false for off
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_bulk_forward(hg_class_t *hg_class, bool bulk_forward);

/**
 * Compute a digest of memory: of one's own, or of data that came inside its descriptor. Two processes that compare the
 * digests of what one has sent and the other has received find nearly all damage; a digest is no protection against intent.
 *
 * \param handle [IN]  the handle, of memory of this host
 * \param offset [IN]  where to start in the sequence of all segments
 * \param size [IN]    how many bytes
 * \param digest [OUT] the digest; it depends on the bytes alone, not on the segments: CRC-32C in this version
 *
 * \return HG_SUCCESS, HG_INVALID_ARG (range outside the handle, memory of another process), or HG_OPNOTSUPPORTED for the
 *         memory of a device
 */
HG_PUBLIC hg_return_t qs_bulk_digest(hg_bulk_t handle, hg_size_t offset, hg_size_t size, uint64_t *digest);

/**
 * Compute the digest of all memory behind a handle, and put it into each descriptor that is made from now on. A pull of the
 * whole is then checked by who pulls, before its callback, and ends with HG_CHECKSUM_ERROR if what arrived is not what was
 * here. The memory must not change meanwhile. It costs a pass over the memory here, and one there. To be called before the
 * handle is shared with other threads. A second call takes the digest anew.
 *
 * \param handle [IN] the handle, made here with HG_BULK_READ_ONLY
 *
 * \return HG_SUCCESS, HG_INVALID_ARG (not made here), HG_PERMISSION (peers may write to the memory), or HG_OPNOTSUPPORTED
 *         for the memory of a device
 */
HG_PUBLIC hg_return_t qs_bulk_set_digest(hg_bulk_t handle);

/**
 * Get the digest that a handle carries, to compare it with that of what was pulled in parts.
 *
 * \param handle [IN]  the handle
 * \param digest [OUT] the digest of all its memory, as its owner has computed it
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if it carries none
 */
HG_PUBLIC hg_return_t qs_bulk_get_digest(hg_bulk_t handle, uint64_t *digest);

/** \}
 * \name Peers
 * Whether the processes that a class talks to live. Only what calls and transfers wait for is looked after: when nothing has
 * come from a peer for a while, it is sent a ping, and three of them without an answer make it suspect. A suspect peer may be
 * stopped, busy, or cut off, and its calls go on. A dead one has ended, and its calls end at once, with HG_HOSTUNREACH.
 * How soon a death is known depends on the transport: see docs/reliability.md.
 * \{ */

/** What is known of a peer. */
enum qs_peer_state {
    QS_PEER_UNKNOWN,    /**< never contacted, or no longer in contact */
    QS_PEER_CONNECTING, /**< contacted, and not heard of yet */
    QS_PEER_ALIVE,      /**< heard of; still so when nothing waits for it, however long ago that was */
    QS_PEER_SUSPECT,    /**< pings go unanswered */
    QS_PEER_DEAD,       /**< its process ended, or has a successor that was not called yet */
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
 * is no such limit, and calls end by their time-outs.
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
 * \param rest_max_us [IN] the longest rest in microseconds, at most 30 seconds, for all calls; 0 for no breaker
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_breaker(hg_class_t *hg_class, uint64_t rest_max_us);

/** \}
 * \name Overload
 * What a target takes in. A request that finds no room is refused before it is kept, as not executed, with HG_AGAIN and the time
 * after which it may find some (qs_result::retry_after_us); calls with attempts left (see above) come back after that
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
    /** Bytes of their inputs; a quarter of the machine's memory by default. A single input is always taken. A one-way request
     *  that finds no room is lost, and the log says so. */
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

/** \}
 * \name Observation
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
 * \name Errors
 * \{ */

/**
 * Say in words why the calling thread's last failed call failed: what was tried, on which object, and the reason.
 *
 * \return a sentence, empty if nothing has failed yet; valid until the thread's next call into the library
 */
HG_PUBLIC const char *qs_error_detail(void) HG_WARN_UNUSED_RESULT;

/** \}
 * \name What this machine and this build can do
 * \{ */

/** A protocol on a device. */
struct qs_transport_info {
    const char *protocol; /**< as HG_Init() takes it: "tcp", "shm", "verbs" ... */
    const char *provider; /**< what carries it, for example the libfabric provider "tcp;ofi_rxm" */
    const char *domain;   /**< the device, "" if none */
    const char *device;   /**< its network interface, "" if none */
    const char *address;  /**< the local address, "" if none */
    int usable;           /**< 1 if HG_Init() can use it now, 0 if not */
    const char *why;      /**< if not, the reason; else "" */
};

/**
 * List the protocols and devices of this machine, those that cannot be used included.
 *
 * \param list_p [OUT]  the list, to be freed with qs_transport_list_free(); its strings belong to it
 * \param count_p [OUT] how many entries
 *
 * \return HG_SUCCESS, HG_INVALID_ARG or HG_NOMEM
 */
HG_PUBLIC hg_return_t qs_transport_list(struct qs_transport_info **list_p, size_t *count_p);

/**
 * Free a list of protocols and devices.
 *
 * \param list [IN]  the list, or NULL
 * \param count [IN] its number of entries
 */
HG_PUBLIC void qs_transport_list_free(struct qs_transport_info *list, size_t count);

/**
 * Get the version of the library at hand, for example "0.1.0".
 *
 * \return a constant string
 */
HG_PUBLIC const char *qs_version_text(void) HG_WARN_UNUSED_RESULT;

/**
 * Get the version of the libfabric at hand (not the one that the library was compiled against), for example "1.17".
 *
 * \return a constant string
 */
HG_PUBLIC const char *qs_libfabric_version(void) HG_WARN_UNUSED_RESULT;

/**
 * Get the choices that the library was built with, as words separated by blanks.
 *
 * \return a constant string
 */
HG_PUBLIC const char *qs_build_features(void) HG_WARN_UNUSED_RESULT;

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
 * Read the counters of a class: the sums over its contexts, a snapshot without a lock.
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

#endif /* QUICKSILVER_H */
