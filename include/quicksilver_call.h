/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file quicksilver_call.h
 * Part of quicksilver.h: calls with bounds, their time limits, what is known of those that failed, retries, and cancels.
 */

#ifndef QUICKSILVER_CALL_H
#define QUICKSILVER_CALL_H

#include "mercury.h"

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
 * with each attempt. Each context has a budget for each peer: a tenth of its calls may be repetitions, and ten a second in any case, so
 * that repetitions do not keep down a target that is in trouble.
 *
 * One-way calls and calls to oneself are tried once.
 * \{ */

/** What a repetition of a call means. */
enum qs_method {
    QS_METHOD_ONCE = 0,       /**< repeated only when it is certain that it has not been executed */
    QS_METHOD_IDEMPOTENT = 1, /**< to execute it twice is to execute it once: may be repeated though it may have been */
    /** May be repeated though it may have been executed; the target executes it at most once. It keeps answers of up to 64 KiB until
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
 * Set the budget of repetitions that each context of a class has for each of its peers.
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
 * answer is dropped. A handler learns the same way that its origin's process has gone, but not for one-way requests, nor for
 * QS_METHOD_AT_MOST_ONCE ones, whose origin may ask again.
 *
 * Bulk transfers that were begun in a handler (see qs_handle_set_parent() for what that means) with the memory of the origin
 * that cancels, in the context that received its request, end with HG_CANCELED, since that memory is handed back. Calls that a handler makes go on, unless the class says
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

/** \} */

#ifdef __cplusplus
}
#endif

#endif /* QUICKSILVER_CALL_H */
