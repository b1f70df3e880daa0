/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_retry.h
 * Repeating calls, at their origin: whether, when, and with which sequence number. A call that is tried once, as all are by
 * default, costs a few loads and stores here. Everything needs the lock of the handle's owner.
 *
 * Calls that run at most once are numbered, one sequence for each peer of a context. The target must be able to tell a new call
 * from a repeated one, so such a call leaves only when the target's hello has come, which says who it is and whether it
 * has forgotten anything; and not more than HG_HEADER_BEHIND_MAX numbers are under way at once. Until then it waits in its
 * session.
 */

#ifndef HG_HG_RETRY_H
#define HG_HG_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "hg/hg_frame.h"
#include "hg/hg_header.h"
#include "mercury_types.h"
#include "quicksilver.h"
#include "util/util_list.h"
#include "util/util_timer.h"

/** The budget by default. */
#define HG_RETRY_PERCENT    10U
#define HG_RETRY_PER_SECOND 10U

struct hg_addr;
struct hg_context;
struct hg_handle;
struct hg_session;

/** What a context keeps for a peer that it makes repeatable or bounded calls to. */
struct hg_retry_peer {
    uint32_t uses;        /**< calls under way that point here */
    uint32_t in_flight;   /**< calls of qs_forward() */
    struct hg_addr *addr; /**< a reference */
    uint64_t calls;       /**< that have earned tokens, which are not counted yet */
    uint64_t tokens;      /**< thousandths of a repetition that may still be made */
    uint64_t refilled_ns; /**< since when tokens have not grown with time */
    uint64_t next;        /**< the next sequence number */
    uint64_t first;       /**< the oldest one whose call has not ended */
    uint64_t
        ended[HG_HEADER_BEHIND_MAX / 64U]; /**< a bit for each number from first on, at its place modulo the size */
    bool blocked;                          /**< a call waits for a number */
    struct hg_retry_peer *next_idle;       /**< while idle peers are gathered */
};

/** What a handle knows of its attempts; origin. */
struct hg_retry {
    const struct qs_retry *how; /**< of this call: own, or the defaults; valid with peer */
    struct qs_retry own;        /**< what somebody has said, with defaults filled in */
    struct qs_retry asked;      /**< by the user for this handle, if asked_set */
    bool asked_set;
    bool unsure;                    /**< an attempt before this one may have been executed */
    bool refused;                   /**< an attempt before this one has reached the target, which did not execute it */
    bool pausing;                   /**< the timer is for the end of the pause, not of the attempt */
    bool traces;                    /**< a timer was armed, or a pause begun: `left`, unsure and refused may be set */
    bool unpaid;                    /**< another attempt would have been due, but for the budget */
    enum qs_method method;          /**< of this call; ONCE where it has no peer */
    struct hg_retry_peer *peer;     /**< borrowed from the context; NULL: the call is tried once */
    uint64_t sequence;              /**< AT_MOST_ONCE: its number; 0 until it has one, and after the call */
    struct hg_frame_process target; /**< AT_MOST_ONCE: that may have executed it, else that it was sent to last */
    struct util_list left;          /**< attempts that were left behind (hg_left.h) */
    struct util_timer timer;
};

/** What the context keeps for a peer, made if need be; NULL: no memory. */
struct hg_retry_peer *hg_retry_peer_get_locked(struct hg_context *context, struct hg_addr *addr);

/** Frees what is kept for peers that no call is under way to. */
void hg_retry_sweep_locked(struct hg_context *context);

/** A call begins. -ENOMEM. */
int hg_retry_begin_locked(struct hg_handle *handle);
/** One that has a peer has ended for good, or has been taken back. */
void hg_retry_end_locked(struct hg_handle *handle);

/** An attempt has ended with @p ret, in state WAITING, SENT or PULLING: begins the next one, or ends the call. */
void hg_retry_or_complete_locked(struct hg_handle *handle, hg_return_t ret, enum qs_outcome outcome);

/** An attempt is given up with @p ret though its session goes on: begins the next one, or takes the call back and ends it. */
void hg_retry_or_cancel_locked(struct hg_handle *handle, hg_return_t ret);

/** What is known of the call when that is known of its last attempt. */
static inline enum qs_outcome hg_retry_outcome(const struct hg_retry *retry, enum qs_outcome outcome)
{
    if (!retry->traces)
        return outcome;
    /* An earlier attempt may have done what this one has not. */
    if (retry->unsure && outcome != QS_OUTCOME_EXECUTED)
        return QS_OUTCOME_UNKNOWN;
    return retry->refused && outcome == QS_OUTCOME_NOT_SENT ? QS_OUTCOME_NOT_EXECUTED : outcome;
}

/** Puts a call whose session is known where it waits to be sent. */
void hg_retry_queue_locked(struct hg_handle *handle);

/** Writes what the target must know about an attempt that is not the first into the header of its request. */
void hg_retry_fill_repeated(const struct hg_retry *retry, uint32_t attempts, struct hg_header *header);

/** The same for any attempt of a call that may have a number. */
static inline void hg_retry_fill_header(const struct hg_retry *retry, uint32_t attempts, struct hg_header *header)
{
    if (retry->sequence == 0)
        return;
    header->flags |= HG_MESSAGE_SEQUENCED;
    header->sequence = retry->sequence;
    header->behind = (uint8_t)(retry->sequence - retry->peer->first);
    if (attempts != 1)
        hg_retry_fill_repeated(retry, attempts, header);
}

/** The function of hg_retry::timer. */
void hg_retry_fired(struct util_timer *timer);

/** The peer's hello has come: calls that waited for it go on. */
void hg_retry_session_known_locked(struct hg_session *session);

/** Ends the calls that are between two attempts; when the context closes. */
void hg_retry_end_pauses_locked(struct hg_context *context, hg_return_t ret);

/** Frees what is kept for peers. */
void hg_retry_fini(struct hg_context *context);

#endif
