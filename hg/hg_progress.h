/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_progress.h
 * Making progress on a context: HG_Progress() and the event calls, and the turn that they are made of.
 */

#ifndef HG_HG_PROGRESS_H
#define HG_HG_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "hg/hg_context.h"
#include "util/util_clock.h"

/** Not to have looked for so long is an absence: a handler that takes its time, or a process that was stopped. */
#define HG_PROGRESS_ABSENCE_NS (10U * UTIL_CLOCK_NS_PER_MS)
/** What comes in the turns after it has come while nobody looked, too. */
#define HG_PROGRESS_BACK_NS UTIL_CLOCK_NS_PER_MS

/** Offers to the transport what sessions have gathered or could not send before. Needs the context's lock. */
void hg_progress_flush_locked(struct hg_context *context);

/** One turn: network, inbox, timers, bulk, waiting sessions. Needs the context's lock, and may drop it for a while at the end.
 *  Returns the number of events. */
unsigned int hg_progress_turn_locked(struct hg_context *context);

/** A timer of something that waits for progress has fired at @p now_ns. If that is late, nobody had made progress for a while
 *  although it was needed: this is counted, and told. Needs the lock. */
void hg_progress_check_late_locked(struct hg_context *context, uint64_t deadline_ns, uint64_t now_ns);

/** The clock has been asked, and says @p now_ns: whether it was looked at often enough. Needs the context's lock. */
static inline void hg_progress_asked_locked(struct hg_context *context, uint64_t now_ns)
{
    if (now_ns > context->looked_ns + HG_PROGRESS_ABSENCE_NS)
        context->stale_until_ns = UINT64_MAX;
    context->looked_ns = now_ns;
}

/**
 * A request with a time limit has come. If nobody has looked for a while, others may wait behind it, and word that they, or it, are
 * not waited for any more: all of that is received before the turn ends. Needs the context's lock.
 */
static inline void hg_progress_limited_locked(struct hg_context *context, uint64_t now_ns)
{
    hg_progress_asked_locked(context, now_ns);
    if (now_ns < context->stale_until_ns)
        context->behind = true;
}

#endif
