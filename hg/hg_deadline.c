/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Time limits of calls. The wheel is advanced by hg_progress after everything that has arrived was
 * handled, so a reply that is already here beats its timer.
 *
 * The timer of a handle stays in the wheel when its call ends, and rests there: nearly always the next call of the handle
 * is to end later, so that its deadline need only be noted. A timer that fires for nobody has rested enough; one that fires
 * too early for its call is armed anew.
 */

#include "hg/hg_deadline.h"

#include "hg/hg_cancel.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "hg/hg_progress.h"
#include "hg/hg_session.h"
#include "mercury.h"
#include "quicksilver.h"
#include "util/util_clock.h"
#include "util/util_mutant.h"

/* So much, and more, is no limit: 290 years, of which nanoseconds can be added to any time. */
#define DEADLINE_NEVER_US (UINT64_MAX / UTIL_CLOCK_NS_PER_US / 2U)

/* Microseconds that the call may take; 0 or UINT64_MAX: no limit. */
static uint64_t deadline_timeout_us(const struct hg_handle *handle)
{
    uint64_t timeout_us = handle->timeout_us;

    if (timeout_us == 0 && handle->rpc != NULL)
        timeout_us = atomic_load_explicit(&handle->rpc->timeout_us, memory_order_relaxed);
    if (timeout_us == 0)
        timeout_us = atomic_load_explicit(&handle->info.hg_class->timeout_us, memory_order_relaxed);
    if (timeout_us == 0 && handle->bounded)
        timeout_us = QS_TIMEOUT_DEFAULT_US;
    return timeout_us;
}

/* Until when the request that the call serves is waited for; the handle can opt out of it. */
static uint64_t deadline_of_parent_ns(const struct hg_handle *handle)
{
    if (handle->parent.deadline_ns == UINT64_MAX || handle->timeout_us == UINT64_MAX ||
        hg_nested_over_locked(handle->owner, &handle->parent))
        return UINT64_MAX;
    return handle->parent.deadline_ns;
}

void hg_deadline_arm_locked(struct hg_handle *handle, struct util_timer *timer, uint64_t deadline_ns)
{
    struct hg_context *owner = handle->owner;

    util_timer_arm(&owner->wheel, timer, deadline_ns);
    /* A thread that sleeps on a later time must wake earlier. Relaxed: both are written under the lock we hold. */
    if (atomic_load_explicit(&owner->armed, memory_order_relaxed) && deadline_ns < owner->armed_until_ns)
        na_wake(owner->na);
}

/* Sees to it that the timer fires at the deadline or before it. */
static void deadline_watch(struct hg_handle *handle)
{
    handle->owner->resting_timers -= handle->timer_rests;
    handle->timer_rests = false;
    if (!util_timer_armed(&handle->timer) || handle->deadline_ns < handle->timer.deadline_ns)
        hg_deadline_arm_locked(handle, &handle->timer, handle->deadline_ns);
}

void hg_deadline_begin_locked(struct hg_handle *handle)
{
    uint64_t timeout_us = deadline_timeout_us(handle);
    uint64_t latest_ns = deadline_of_parent_ns(handle);

    handle->deadline_ns = UINT64_MAX;
    handle->begun_ns = 0;
    if (timeout_us == 0 || timeout_us >= DEADLINE_NEVER_US) {
        if (latest_ns == UINT64_MAX)
            return; /* nobody needs the clock */
        timeout_us = DEADLINE_NEVER_US;
    }
    if (UTIL_MUTANT(LIMIT_LATE))
        timeout_us += timeout_us / 2;
    handle->begun_ns = hg_context_moment_locked(handle->owner);
    handle->deadline_ns = handle->begun_ns + timeout_us * UTIL_CLOCK_NS_PER_US;
    if (latest_ns < handle->deadline_ns)
        handle->deadline_ns = latest_ns;
    deadline_watch(handle);
}

void hg_deadline_end_locked(struct hg_handle *handle)
{
    if (!util_timer_armed(&handle->timer) || handle->timer_rests)
        return;
    handle->timer_rests = true;
    handle->owner->resting_timers++;
}

void hg_deadline_drop_locked(struct hg_handle *handle)
{
    hg_deadline_end_locked(handle);
    handle->owner->resting_timers -= handle->timer_rests;
    handle->timer_rests = false;
    util_timer_disarm(&handle->owner->wheel, &handle->timer);
}

void hg_deadline_over_locked(struct hg_handle *handle)
{
    hg_progress_check_late_locked(handle->owner, handle->deadline_ns, util_clock_now_ns());
    handle->owner->counters.timeouts++;
    hg_cancel_call_locked(handle, HG_TIMEOUT);
}

void hg_deadline_fired(struct util_timer *timer)
{
    struct hg_handle *handle = util_container_of(timer, struct hg_handle, timer);

    if (handle->timer_rests) {
        handle->timer_rests = false;
        handle->owner->resting_timers--;
    } else if (util_clock_now_ns() < handle->deadline_ns) {
        hg_deadline_arm_locked(handle, timer, handle->deadline_ns);
    } else {
        hg_deadline_over_locked(handle);
    }
}

hg_return_t qs_class_set_timeout(hg_class_t *hg_class, uint64_t timeout_us)
{
    if (hg_fork_stops(hg_class, "qs_class_set_timeout"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_timeout: a NULL argument");
    atomic_store_explicit(&hg_class->timeout_us, timeout_us, memory_order_relaxed);
    return HG_SUCCESS;
}

hg_return_t qs_handle_set_timeout(hg_handle_t handle, uint64_t timeout_us)
{
    if (hg_fork_stops_handle(handle, "qs_handle_set_timeout"))
        return HG_FAULT;
    if (handle == NULL || handle->target)
        return hg_error_set(HG_INVALID_ARG, "qs_handle_set_timeout: the handle is NULL or that of a received request");
    if (hg_handle_state(handle) != HG_HANDLE_IDLE)
        return hg_error_set(HG_BUSY, "qs_handle_set_timeout: a call is in progress");
    handle->timeout_us = timeout_us;
    return HG_SUCCESS;
}

uint64_t qs_handle_remaining(hg_handle_t handle)
{
    uint64_t deadline_ns = UINT64_MAX;
    uint64_t now_ns;

    if (handle == NULL || hg_fork_stops_handle(handle, "qs_handle_remaining"))
        return UINT64_MAX;
    util_lock_take(&handle->owner->lock);
    if (hg_handle_state(handle) != HG_HANDLE_IDLE)
        deadline_ns = handle->deadline_ns;
    util_lock_drop(&handle->owner->lock);
    if (deadline_ns == UINT64_MAX)
        return UINT64_MAX;
    now_ns = util_clock_now_ns();
    return deadline_ns > now_ns ? (deadline_ns - now_ns) / UTIL_CLOCK_NS_PER_US : 0;
}
