/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_event.h
 * Rare events: what an operator wants to know of. Each is counted in its class, and written to the log: of each kind one line a
 * second for each peer that it concerns (or for the class, where it concerns none), and HG_EVENT_LINES_MAX a second for a
 * class, with the number of those that were left out before. A storm of one kind hides no other.
 */

#ifndef HG_HG_EVENT_H
#define HG_HG_EVENT_H

#include <stdatomic.h>
#include <stdint.h>

#include "util/util_log.h"

/** Lines of one kind that a class writes in a second, whichever peers they are about. */
#define HG_EVENT_LINES_MAX 10U

struct hg_addr;
struct hg_class;

enum hg_event {
    HG_EVENT_PEER_SUSPECT,
    HG_EVENT_PEER_DEAD,
    HG_EVENT_PEER_RESTARTED,
    HG_EVENT_PEER_REFUSING,
    HG_EVENT_PEER_LEAVING,
    HG_EVENT_PEER_BACK, /**< alive after one of those, but for the last */
    HG_EVENT_BREAKER_OPENED,
    HG_EVENT_BREAKER_CLOSED,
    HG_EVENT_PROTOCOL_ERROR,    /**< a session ends because its peer broke the protocol */
    HG_EVENT_CHECKSUM_ERROR,    /**< something was damaged on its way */
    HG_EVENT_STALE_FRAME,       /**< for, or from, an earlier incarnation */
    HG_EVENT_STALE_REPLY,       /**< to a call that had ended */
    HG_EVENT_REFUSED,           /**< a request */
    HG_EVENT_RETRIES_EXHAUSTED, /**< a call fails after the last attempt that it may have */
    HG_EVENT_BUDGET_EXHAUSTED,  /**< a call fails because its peer's budget of repetitions is used up */
    HG_EVENT_CALL_LOST,         /**< on its way, or its answer was */
    HG_EVENT_BAD_FRAME,         /**< of nobody's session; from here on of the class, not of a peer */
    HG_EVENT_STALL,             /**< nobody made progress for too long */
    HG_EVENT_RECORDS_EVICTED,
    HG_EVENT_ANSWERS_DROPPED,
    HG_EVENT_KINDS
};

/** Those that concern a peer come first. */
#define HG_EVENT_PEER_KINDS HG_EVENT_BAD_FRAME

/** Part of a class. */
struct hg_events {
    _Atomic uint64_t counts[HG_EVENT_KINDS];
    struct util_log_limit limits[HG_EVENT_KINDS];
};

/** Part of a peer. */
struct hg_peer_events {
    struct util_log_limit limits[HG_EVENT_PEER_KINDS];
};

/** An event, with a sentence about it that begins with the peer's address, where @p addr is not NULL. Any thread, whatever
 *  locks it holds, as with all that is logged. */
void hg_event(struct hg_class *hg_class, struct hg_addr *addr, enum hg_event event, const char *format, ...)
    __attribute__((format(printf, 4, 5), cold));

/** The word for a kind, as in qs_stats_json(). */
const char *hg_event_text(enum hg_event event);

#endif
