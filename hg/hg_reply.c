/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The origin's way in. The tag finds the call by its place and generation in the context's table, so a
 * reply to a call that has ended (or was never made) finds nobody: it is counted and dropped.
 */

#include "hg/hg_reply.h"

#include <errno.h>

#include "hg/hg_addr.h"
#include "hg/hg_error.h"
#include "hg/hg_handle.h"
#include "hg/hg_overflow.h"
#include "hg/hg_receive.h"
#include "hg/hg_retry.h"
#include "util/util_log.h"

/* A status from the wire, made safe. A refusal cannot say that all is well. */
static hg_return_t reply_status(const struct hg_header *header)
{
    if (header->status >= HG_RETURN_MAX || (header->type == HG_MESSAGE_NACK && header->status == HG_SUCCESS))
        return HG_PROTOCOL_ERROR;
    return (hg_return_t)header->status;
}

static void reply_pulled(struct hg_handle *handle, int error)
{
    if (error != 0)
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC, "an output could not be pulled: %d", error);
    hg_retry_or_complete_locked(handle, hg_error_from(error), QS_OUTCOME_EXECUTED);
}

static void reply_pull(struct hg_handle *handle, const struct hg_header *header)
{
    int error;

    hg_overflow_free_locked(handle); /* the input has been taken: the peer has answered */
    handle->release_tag = header->release_tag;
    hg_handle_move(handle, HG_HANDLE_PULLING);
    error = hg_overflow_pull_locked(handle, reply_pulled);
    if (error != 0)
        reply_pulled(handle, error);
}

/* A reply that names no call of this session: the call was cancelled or timed out. What the peer keeps for it may go. */
static void reply_stale(struct hg_session *session, const struct hg_header *header)
{
    session->context->counters.stale_frames++;
    session->context->counters.stale_replies++;
    hg_tally_bump(&session->tally.stale_replies);
    hg_event(session->context->hg_class, session->addr, HG_EVENT_STALE_REPLY,
             "an answer of it to a call that had ended is dropped");
    hg_overflow_release_orphan_locked(session, header->tag);
    if ((header->flags & HG_MESSAGE_MORE_DATA) != 0)
        hg_session_control(session, HG_MESSAGE_RELEASE, header->release_tag);
}

/* What an answer says about its call. */
static enum qs_outcome reply_outcome(const struct hg_header *header)
{
    return header->type == HG_MESSAGE_NACK ? QS_OUTCOME_NOT_EXECUTED : QS_OUTCOME_EXECUTED;
}

/* Whether this handle waits for such a reply. A request whose pieces have not all left may be refused already. */
static bool reply_awaited(const struct hg_handle *handle, const struct hg_header *header)
{
    enum hg_handle_state state = hg_handle_state(handle);

    if (handle->target)
        return false;
    return state == HG_HANDLE_SENT ||
           (state == HG_HANDLE_WAITING && handle->encoded.sent > 0 && header->type == HG_MESSAGE_NACK);
}

/* The output is not what was sent; the header is, so the call is known. */
static void reply_damaged(struct hg_handle *handle, const struct hg_header *header)
{
    struct hg_session *session = handle->session;

    session->context->counters.checksum_errors++;
    hg_event(session->context->hg_class, session->addr, HG_EVENT_CHECKSUM_ERROR,
             "an output from it was damaged on its way");
    hg_session_ref(session);
    hg_retry_or_complete_locked(handle, HG_CHECKSUM_ERROR, reply_outcome(header));
    if ((header->flags & HG_MESSAGE_MORE_DATA) != 0)
        hg_session_control(session, HG_MESSAGE_RELEASE, header->release_tag);
    hg_session_unref(session);
}

int hg_reply_receive_locked(struct hg_session *session, const struct hg_header *header, const unsigned char *payload)
{
    struct hg_context *context = session->context;
    struct hg_handle *handle = hg_context_slot_find(context, header->tag);
    int whole;

    if (handle == NULL || handle->session != session || !reply_awaited(handle, header)) {
        reply_stale(session, header);
        return 0;
    }
    if (!hg_header_payload_intact(header, payload)) {
        reply_damaged(handle, header);
        return 0;
    }
    if (handle->received.buf == NULL) {
        int error = hg_receive_reserve(handle, header);

        if (error == -ENOMEM) {
            hg_handle_complete_as_locked(handle, HG_NOMEM, reply_outcome(header));
            return 0;
        }
        if (error != 0)
            return error;
    }
    whole = hg_receive_copy(handle, header, payload);
    if (whole <= 0)
        return whole;
    context->counters.rpc_resp_recv++;
    handle->retry_after_us = header->retry_after_us;
    if ((header->flags & HG_MESSAGE_MORE_DATA) != 0)
        reply_pull(handle, header);
    else
        hg_retry_or_complete_locked(handle, reply_status(header), reply_outcome(header));
    return 0;
}
