/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_deadline.h
 * Time limits of calls: which one applies, arming it, and what happens when it fires. Needs the owner
 * context's lock. A limit costs nothing where none is set.
 */

#ifndef HG_HG_DEADLINE_H
#define HG_HG_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "hg/hg_context.h"
#include "hg/hg_handle.h"
#include "hg/hg_progress.h"
#include "util/util_clock.h"
#include "util/util_timer.h"

/** Decides the deadline of a call that begins now (handle, else RPC, else class; not beyond that of the request which it
 *  serves) and arms the timer. */
void hg_deadline_begin_locked(struct hg_handle *handle);
/** Arms a timer of the handle, and wakes whoever would sleep beyond it. */
void hg_deadline_arm_locked(struct hg_handle *handle, struct util_timer *timer, uint64_t deadline_ns);
/** The call has ended: its limit does not matter any more. */
void hg_deadline_end_locked(struct hg_handle *handle);
/** The handle goes: so does its timer. */
void hg_deadline_drop_locked(struct hg_handle *handle);
/** The call has waited until its deadline: it ends with HG_TIMEOUT. */
void hg_deadline_over_locked(struct hg_handle *handle);

/** What is left at @p now_ns, for the wire: 0 none, else at least 1 us; UINT32_MAX: so much or more. */
static inline uint32_t hg_deadline_remaining_us(const struct hg_handle *handle, uint64_t now_ns)
{
    uint64_t left_us;

    if (handle->deadline_ns == UINT64_MAX)
        return 0;
    if (handle->deadline_ns < now_ns + UTIL_CLOCK_NS_PER_US)
        return 1;
    left_us = (handle->deadline_ns - now_ns) / UTIL_CLOCK_NS_PER_US;
    return left_us > UINT32_MAX ? UINT32_MAX : (uint32_t)left_us;
}

/** A request has come to @p context, the handle's owner; its origin has said what is left, not 0: the time counts here from now on. */
static inline void hg_deadline_received_locked(struct hg_handle *handle, struct hg_context *context,
                                               uint32_t remaining_us)
{
    uint64_t now_ns;

    if (remaining_us == UINT32_MAX)
        return; /* so much that the origin keeps the time alone */
    now_ns = hg_context_moment_locked(context);
    handle->deadline_ns = now_ns + remaining_us * UTIL_CLOCK_NS_PER_US;
    hg_progress_limited_locked(context, now_ns);
}

/** Whether the deadline of the handle, if it has one, has passed. Any thread that holds the handle. */
static inline bool hg_deadline_passed(const struct hg_handle *handle)
{
    return handle->deadline_ns != UINT64_MAX && util_clock_now_ns() >= handle->deadline_ns;
}

/** The timer's function. */
void hg_deadline_fired(struct util_timer *timer);

#endif
