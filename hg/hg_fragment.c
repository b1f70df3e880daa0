/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Chooses the way of a payload by its size, and cuts fragments. Fragments repeat the whole header, so that
 * the receiver does not depend on their order; all but the last have the same size, so that a receiver can
 * tell them apart by their offset.
 */

#include "hg/hg_fragment.h"

#include <errno.h>

#include "hg/hg_handle.h"
#include "hg/hg_overflow.h"
#include "hg/hg_payload.h"

/* Whether so much payload goes in one frame. Most of it is far below the limit, whatever its header is. */
static bool fragment_fits(const struct hg_session *session, const struct hg_header *header, size_t total)
{
    return total <= hg_outbox_payload_max(session, HG_HEADER_MAX) ||
           total <= hg_outbox_payload_max(session, hg_header_size(header));
}

/* Payload bytes of every fragment but the last: the same for all frames of the session, whether or not they carry a
 * hello. */
static size_t fragment_size(const struct hg_session *session)
{
    size_t used = HG_FRAME_HEADER_SIZE + HG_FRAME_HELLO_MAX + HG_HEADER_MAX;

    return (session->port->limits->frame_max - used) & ~(size_t)7U;
}

static int fragment_send_whole(struct hg_handle *handle, struct hg_header *header,
                               const struct hg_outbox_payload *payload, uint64_t *frame_number)
{
    header->payload_size = (uint32_t)hg_payload_size(payload);
    return hg_outbox_add(handle->session, header, payload, frame_number);
}

static int fragment_send_pieces(struct hg_handle *handle, struct hg_header *header,
                                const struct hg_outbox_payload *payload, uint64_t *frame_number)
{
    size_t total = hg_payload_size(payload);
    size_t size = fragment_size(handle->session);
    size_t *sent = &handle->encoded.sent;

    header->flags |= HG_MESSAGE_FRAGMENT;
    header->total_size = (uint32_t)total;
    while (*sent < total) {
        size_t piece_size = total - *sent < size ? total - *sent : size;
        struct hg_outbox_payload piece = hg_payload_slice(payload, *sent, piece_size);
        int error;

        header->offset = (uint32_t)*sent;
        header->payload_size = (uint32_t)piece_size;
        error = hg_outbox_add(handle->session, header, &piece, frame_number);
        if (error != 0)
            return error;
        *sent += piece_size;
    }
    return 0;
}

int hg_fragment_send(struct hg_handle *handle, struct hg_header *header, const struct hg_outbox_payload *payload,
                     uint64_t *frame_number)
{
    struct hg_session *session = handle->session;
    size_t total = hg_payload_size(payload);
    struct hg_outbox_payload descriptor;
    int error;

    header->flags |= session->context->hg_class->message_flags; /* their room counts */
    /* Once begun, a way is kept: the limits may move when the hello is no longer needed. */
    if (handle->exposure == NULL) {
        if (handle->encoded.sent == 0 && fragment_fits(session, header, total))
            return fragment_send_whole(handle, header, payload, frame_number);
        if (total <= fragment_size(session) * HG_FRAGMENT_MAX)
            return fragment_send_pieces(handle, header, payload, frame_number);
    }
    error = hg_overflow_expose_locked(handle, &descriptor);
    if (error != 0)
        return error;
    header->flags |= HG_MESSAGE_MORE_DATA;
    header->release_tag = handle->target ? handle->release_tag : 0;
    return fragment_send_whole(handle, header, &descriptor, frame_number);
}
