/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The end of a call costs a few stores; the sentence about it is made when somebody asks.
 */

#include "hg/hg_result.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hg/hg_addr.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "hg/hg_rpc.h"
#include "mercury.h"
#include "util/util_clock.h"
#include "util/util_detail.h"

#define RESULT_TEXT_MAX 160U

void hg_result_note_locked(struct hg_handle *handle, enum qs_outcome outcome)
{
    handle->ended = true;
    handle->outcome = outcome;
    handle->ended_ns = handle->ret == HG_SUCCESS || handle->begun_ns == 0 ? 0 : util_clock_now_ns();
}

const char *qs_outcome_text(enum qs_outcome outcome)
{
    switch (outcome) {
    case QS_OUTCOME_UNKNOWN:
        return "UNKNOWN";
    case QS_OUTCOME_NOT_SENT:
        return "NOT_SENT";
    case QS_OUTCOME_NOT_EXECUTED:
        return "NOT_EXECUTED";
    case QS_OUTCOME_EXECUTED:
        return "EXECUTED";
    }
    return "not an outcome";
}

/* What ended the call. */
static void result_reason(const struct hg_handle *handle, char text[RESULT_TEXT_MAX])
{
    const char *name = HG_Error_to_string(handle->ret);

    if (handle->ret == HG_SUCCESS)
        (void)snprintf(text, RESULT_TEXT_MAX, "%s", handle->no_response ? "sent, no answer is wanted" : "answered");
    else if (handle->cause == -ESTALE)
        (void)snprintf(text, RESULT_TEXT_MAX, "the target was restarted between two attempts");
    else if (handle->cause == -ENOMSG)
        (void)snprintf(text, RESULT_TEXT_MAX, "the target knows nothing of it: it got lost, or its answer did");
    else if (handle->cause == -ECANCELED)
        (void)snprintf(text, RESULT_TEXT_MAX, "its context was destroyed");
    else if (handle->cause != 0)
        (void)snprintf(text, RESULT_TEXT_MAX, "the connection failed: %s", strerror(-handle->cause));
    else if (handle->ret == HG_CANCELED && handle->outcome != QS_OUTCOME_NOT_EXECUTED)
        (void)snprintf(text, RESULT_TEXT_MAX, "cancelled");
    else if (handle->ret == HG_TIMEOUT && handle->outcome != QS_OUTCOME_NOT_EXECUTED)
        (void)snprintf(text, RESULT_TEXT_MAX, "no answer in time");
    else if (handle->outcome == QS_OUTCOME_NOT_EXECUTED && handle->retry_after_us != 0)
        (void)snprintf(text, RESULT_TEXT_MAX, "refused for lack of room, for the next %u.%03u ms",
                       handle->retry_after_us / 1000U, handle->retry_after_us % 1000U);
    else if (handle->outcome == QS_OUTCOME_NOT_EXECUTED && handle->ret == HG_HOSTUNREACH)
        (void)snprintf(text, RESULT_TEXT_MAX, "the target takes no new requests");
    else if (handle->outcome == QS_OUTCOME_NOT_EXECUTED && handle->ret == HG_NOENTRY)
        (void)snprintf(text, RESULT_TEXT_MAX, "refused with %s, as by a target that does not know the RPC", name);
    else if (handle->outcome == QS_OUTCOME_NOT_EXECUTED)
        (void)snprintf(text, RESULT_TEXT_MAX, "refused with %s", name);
    else
        (void)snprintf(text, RESULT_TEXT_MAX, "ended with %s", name);
}

/* How often it was tried, and how long it took, as far as that is worth a word. */
static void result_effort(const struct hg_handle *handle, uint64_t elapsed_us, char text[RESULT_TEXT_MAX])
{
    int used = 0;

    text[0] = '\0';
    if (handle->attempts > 1)
        used = snprintf(text, RESULT_TEXT_MAX, " after %u attempts", handle->attempts);
    if (used >= 0 && handle->ended_ns != 0)
        used += snprintf(text + used, RESULT_TEXT_MAX - (size_t)used, ", %llu.%03llu ms",
                         (unsigned long long)elapsed_us / 1000, (unsigned long long)elapsed_us % 1000);
    if (used >= 0 && handle->retry.unpaid)
        (void)snprintf(text + used, RESULT_TEXT_MAX - (size_t)used,
                       "; not repeated: the budget of repetitions is used up (qs_class_set_retry_budget)");
}

/* Under the owner's lock; the address cannot change meanwhile. */
static void result_detail(const struct hg_handle *handle, const char *what, uint64_t elapsed_us)
{
    char reason[RESULT_TEXT_MAX];
    char effort[RESULT_TEXT_MAX];

    result_reason(handle, reason);
    result_effort(handle, elapsed_us, effort);
    (void)util_detail_set(hg_error_to(handle->ret), "call of %s to %s: %s%s (%s)", what,
                          handle->info.addr != NULL ? handle->info.addr->text : "?", reason, effort,
                          qs_outcome_text(handle->outcome));
}

/* The RPC by its name, where it has one. */
static void result_what(const struct hg_handle *handle, char text[RESULT_TEXT_MAX])
{
    if (handle->rpc == NULL || !hg_rpc_copy_name(&handle->info.hg_class->rpcs, handle->rpc, text, RESULT_TEXT_MAX))
        (void)snprintf(text, RESULT_TEXT_MAX, "RPC id %#llx", (unsigned long long)handle->info.id);
}

hg_return_t qs_handle_get_result(hg_handle_t handle, struct qs_result *result, size_t result_size)
{
    struct qs_result known = {0};
    char what[RESULT_TEXT_MAX];
    bool ended;

    if (hg_fork_stops_handle(handle, "qs_handle_get_result"))
        return HG_FAULT;
    if (handle == NULL || handle->target || result == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_handle_get_result: %s",
                            handle == NULL || result == NULL ? "a NULL argument"
                                                             : "the handle is that of a received request");
    result_what(handle, what);
    util_lock_take(&handle->owner->lock);
    ended = handle->ended;
    if (ended) {
        known.ret = handle->ret;
        known.outcome = handle->outcome;
        known.attempts = handle->attempts;
        known.retry_after_us = handle->retry_after_us;
        if (handle->ended_ns != 0)
            known.elapsed_us = (handle->ended_ns - handle->begun_ns) / UTIL_CLOCK_NS_PER_US;
        result_detail(handle, what, known.elapsed_us);
    }
    util_lock_drop(&handle->owner->lock);
    if (!ended)
        return hg_error_set(HG_NOENTRY, "qs_handle_get_result: no call of the handle has ended");
    known.detail = util_detail_get();
    memset(result, 0, result_size);
    memcpy(result, &known, result_size < sizeof(known) ? result_size : sizeof(known));
    return HG_SUCCESS;
}
