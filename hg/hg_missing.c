/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * See hg_missing.h. What the target says may be overtaken by the answer that it has sent before, or overtake it, so
 * a call ends only when it was unknown twice. Should its answer come even then, it finds nobody: the call was said to
 * have an UNKNOWN outcome.
 */

#include "hg/hg_missing.h"

#include <errno.h>
#include <stdbool.h>

#include "hg/hg_context.h"
#include "hg/hg_dispatch.h"
#include "hg/hg_event.h"
#include "hg/hg_handle.h"
#include "hg/hg_header.h"
#include "hg/hg_retry.h"
#include "hg/hg_session.h"
#include "util/util_mutant.h"

/* The timer of a session looks twice in a ping interval: 250 ms by default, and never less than two round trips. A
 * call is asked for when it has waited for so many looks, twice as many, and so on, ... */
#define MISSING_LOOKS_FIRST 8U
/* ... in the end after each so many. */
#define MISSING_LOOKS_MAX 1024U
/* Between the two answers that end a call. */
#define MISSING_LOOKS_DOUBT 4U
/* Calls of a session that are asked for at one look; the others wait for the next. */
#define MISSING_ASKED_MAX 256U
/* Answers on their way that are looked through for one that is asked for. Where there are more it may be among them. */
#define MISSING_SEARCHED_MAX 64U

/* --- origin ---------------------------------------------------------------------------------------------- */

/* Looks since it was unknown first. */
static uint32_t missing_since_doubted(const struct hg_missing *missing)
{
    return (uint32_t)missing->looks - missing->doubted;
}

/* Whether it is the turn of a call that has waited for so many looks. */
static bool missing_is_due(struct hg_missing *missing)
{
    if (missing->doubted != 0 && missing_since_doubted(missing) >= 2 * MISSING_LOOKS_DOUBT)
        missing->doubted = 0; /* asked again, the target has not denied it */
    if (missing->doubted != 0)
        return missing_since_doubted(missing) == MISSING_LOOKS_DOUBT;
    return missing->looks >= MISSING_LOOKS_FIRST && (missing->looks & (missing->looks - 1U)) == 0;
}

static void missing_count(struct hg_missing *missing)
{
    if (missing->doubted == 0 && missing->looks >= 2 * MISSING_LOOKS_MAX)
        missing->looks = MISSING_LOOKS_MAX;
    missing->looks++;
}

void hg_missing_look_locked(struct hg_session *session)
{
    unsigned int asked = 0;

    util_list_each_safe (node, next, &session->calls) {
        struct hg_handle *handle = util_container_of(node, struct hg_handle, link);

        if (handle->target || hg_handle_state(handle) != HG_HANDLE_SENT)
            continue;
        missing_count(&handle->missing);
        if (!missing_is_due(&handle->missing))
            continue;
        if (asked++ == MISSING_ASKED_MAX) {
            handle->missing.looks--; /* at the next look */
            return;
        }
        hg_session_control(session, HG_MESSAGE_ASK, handle->tag);
        if (session->state != HG_SESSION_OPEN)
            return;
    }
}

void hg_missing_told_locked(struct hg_session *session, uint64_t tag)
{
    struct hg_handle *handle = hg_context_slot_find(session->context, tag);
    struct hg_missing *missing;

    if (handle == NULL || handle->session != session || handle->target || hg_handle_state(handle) != HG_HANDLE_SENT ||
        UTIL_MUTANT(LOST_WAITED_FOR))
        return;
    missing = &handle->missing;
    if (missing->looks < MISSING_LOOKS_FIRST)
        return; /* it was not asked */
    if (missing->doubted == 0) {
        missing->doubted = missing->looks;
        return;
    }
    if (missing_since_doubted(missing) < MISSING_LOOKS_DOUBT)
        return; /* to the same question */
    handle->cause = -ENOMSG;
    hg_event(session->context->hg_class, session->addr, HG_EVENT_CALL_LOST,
             "it knows nothing of a call of RPC id %#llx that was sent to it", (unsigned long long)handle->info.id);
    hg_retry_or_cancel_locked(handle, HG_HOSTUNREACH);
}

/* --- target ---------------------------------------------------------------------------------------------- */

/* Whether the answer to this request is on a list, or may be. */
static bool missing_may_be_in(const struct util_list *list, uint64_t tag)
{
    unsigned int count = 0;

    util_list_each (node, list) {
        const struct hg_handle *handle = util_container_of(node, struct hg_handle, link);

        if ((handle->target && handle->tag == tag) || count++ == MISSING_SEARCHED_MAX)
            return true;
    }
    return false;
}

/* Whether the request, or its answer, is here. A large answer that waits to be pulled has left: whoever asks does not
 * know of it. */
static bool missing_is_here(const struct hg_session *session, uint64_t tag)
{
    return hg_serving_find(&session->serving, tag, session->target_context) != NULL ||
           missing_may_be_in(&session->waiting_responses, tag) || missing_may_be_in(&session->leaving, tag);
}

void hg_missing_asked_locked(struct hg_session *session, uint64_t tag)
{
    if (!missing_is_here(session, tag) && !hg_dispatch_awaits_locked(session, tag))
        hg_session_control(session, HG_MESSAGE_GONE, tag);
}
