/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Packs messages for one peer into frames and offers the frames to the transport. It decides nothing
 * about when (the session does) and knows nothing of handles: it only counts frames, so that the session
 * can tell which handles' bytes have left. Needs the context's lock throughout.
 *
 * Room for the hello is kept as long as the peer has not used our id. The frame header is written last, when the frame
 * is offered: by then the peer's id may have become known, and the credit is fresh.
 */

#include "hg/hg_outbox.h"

#include <errno.h>
#include <string.h>

#include "hg/hg_context.h"
#include "hg/hg_frame.h"
#include "hg/hg_proc_crc.h"
#include "hg/hg_session.h"
#include "util/util_bytes.h"

void hg_outbox_init(struct hg_outbox *outbox)
{
    memset(outbox, 0, sizeof(*outbox));
    outbox->refused_tail = &outbox->refused;
}

size_t hg_outbox_payload_max(const struct hg_session *session, size_t header_size)
{
    size_t used = HG_FRAME_HEADER_SIZE + header_size;

    if (!session->local_used)
        used += HG_FRAME_HELLO_MAX;
    return session->port->limits->frame_max - used;
}

static bool outbox_checks(const struct hg_session *session)
{
    return (session->context->hg_class->message_flags & HG_MESSAGE_CHECKED) != 0;
}

/* Begins a frame: room for its header, and the hello where the peer still needs it. */
static struct na_frame *outbox_open(struct hg_session *session)
{
    struct na_frame *frame = na_frame_get(session->port->na);
    uint16_t flags;

    if (frame == NULL)
        return NULL;
    frame->next = NULL;
    frame->size = HG_FRAME_HEADER_SIZE;
    flags = outbox_checks(session) ? HG_FRAME_CHECKED : 0;
    if (!session->local_used) {
        struct hg_frame_hello hello;

        hg_session_hello(session, &hello);
        hg_frame_encode_hello(&hello, frame->data + HG_FRAME_HEADER_SIZE);
        frame->size += hg_frame_hello_size(&hello);
        flags |= HG_FRAME_HELLO;
    }
    util_bytes_put16(frame->data + 8, flags);
    session->outbox.open = frame;
    return frame;
}

/* Writes the frame header with what is known now. The flags were decided when the frame was opened. */
static void outbox_seal(struct hg_session *session, struct na_frame *frame)
{
    struct hg_frame_header header = {
        .flags = util_bytes_get16(frame->data + 8),
        .size = (uint32_t)frame->size,
        .session_index = session->remote_known ? session->remote_index : 0,
        .session_key = session->remote_known ? session->remote_key : 0,
        .incarnation = (uint32_t)session->remote.incarnation,
        .credit = session->local_taken,
    };

    /* A frame that had to wait may have been begun before the peer was known: what is in it since then is for that peer
     * alone, and not for its successor on the same address. */
    if ((header.flags & HG_FRAME_HELLO) != 0)
        hg_frame_update_hello(frame->data + HG_FRAME_HEADER_SIZE, session->remote.incarnation);
    hg_frame_encode(&header, frame->data);
}

/* Offers one frame; true when the transport took it. */
static bool outbox_offer(struct hg_session *session, struct na_frame *frame)
{
    struct qs_counters *counters = &session->context->counters;

    outbox_seal(session, frame);
    if (na_send(session->route, frame) != 0) {
        counters->sends_refused++;
        return false;
    }
    session->outbox.sent++;
    session->credit_told = session->local_taken;
    session->announce = false;
    counters->frames_sent++;
    return true;
}

static bool outbox_offer_refused(struct hg_session *session)
{
    struct hg_outbox *outbox = &session->outbox;

    while (outbox->refused != NULL) {
        struct na_frame *frame = outbox->refused;
        struct na_frame *next = frame->next;

        if (!outbox_offer(session, frame))
            return false;
        outbox->refused = next;
        outbox->refused_count--;
    }
    outbox->refused_tail = &outbox->refused;
    return true;
}

/* Ends the open frame: it leaves, or queues behind those that wait already. */
static void outbox_close_frame(struct hg_session *session)
{
    struct hg_outbox *outbox = &session->outbox;
    struct na_frame *frame = outbox->open;

    outbox->open = NULL;
    outbox->filled++;
    if (outbox->refused == NULL && outbox_offer(session, frame))
        return;
    frame->next = NULL;
    *outbox->refused_tail = frame;
    outbox->refused_tail = &frame->next;
    outbox->refused_count++;
}

/* A frame with @need bytes of room, or NULL. */
static struct na_frame *outbox_room(struct hg_session *session, size_t need)
{
    struct hg_outbox *outbox = &session->outbox;
    const struct na_limits *limits = session->port->limits;
    bool batching = atomic_load_explicit(&session->context->hg_class->batching, memory_order_relaxed);

    if (outbox->open != NULL) {
        if (batching && outbox->open->size + need <= limits->batch_size)
            return outbox->open;
        if (outbox->refused_count >= HG_OUTBOX_REFUSED_MAX)
            return NULL;
        outbox_close_frame(session);
    }
    if (outbox->refused_count >= HG_OUTBOX_REFUSED_MAX)
        return NULL;
    return outbox_open(session);
}

/* The header as the class's level of checksums wants it. */
static struct hg_header outbox_checked(const struct hg_header *header, const struct hg_outbox_payload *payload,
                                       uint16_t message_flags)
{
    struct hg_header checked = *header;
    uint64_t state = hg_proc_crc_start(HG_CRC32);

    checked.flags |= message_flags;
    if ((message_flags & HG_MESSAGE_CHECKED_PAYLOAD) != 0) {
        state = hg_proc_crc_update(HG_CRC32, state, payload->head, payload->head_size);
        state = hg_proc_crc_update(HG_CRC32, state, payload->tail, payload->tail_size);
        checked.payload_check = (uint32_t)hg_proc_crc_finish(HG_CRC32, state);
    }
    return checked;
}

/* Whether the route has room for a message with data; what there is besides is for those without. Before it is up there is none:
 * calls that end until then have not been sent. */
static bool outbox_find_room(struct hg_session *session, size_t need)
{
    if (!session->connected)
        return false;
    session->outbox.room = session->route != NULL ? na_room(session->route) : need;
    return session->outbox.room >= need;
}

/* Adds the message whose header is complete. */
static int outbox_add(struct hg_session *session, const struct hg_header *header,
                      const struct hg_outbox_payload *payload, uint64_t *frame_number)
{
    size_t payload_size = payload->head_size + payload->tail_size;
    /* Room for the largest header will do; its size is looked at where that might be too much. */
    size_t most = util_bytes_align8(HG_HEADER_MAX + payload_size);
    size_t max = hg_outbox_payload_max(session, 0);
    struct na_frame *frame;
    unsigned char *at;
    size_t size;

    if (most > max && util_bytes_align8(hg_header_size(header) + payload_size) > max)
        return -EMSGSIZE;
    if (header->type == HG_MESSAGE_REQUEST || header->type == HG_MESSAGE_RESPONSE) {
        if (session->outbox.room < most && !outbox_find_room(session, most))
            return -EAGAIN;
        session->outbox.room -= most; /* the largest header makes up for that of the frame */
    }
    frame = outbox_room(session, most);
    if (frame == NULL)
        return -EAGAIN;
    at = frame->data + frame->size;
    size = hg_header_encode(header, at) + payload_size;
    at += size - payload_size;
    if (payload->head_size > 0)
        memcpy(at, payload->head, payload->head_size);
    at += payload->head_size;
    if (payload->tail_size > 0)
        memcpy(at, payload->tail, payload->tail_size);
    memset(at + payload->tail_size, 0, util_bytes_align8(size) - size);
    frame->size += util_bytes_align8(size);
    if (frame_number != NULL)
        *frame_number = session->outbox.filled;
    return 0;
}

int hg_outbox_add(struct hg_session *session, const struct hg_header *header, const struct hg_outbox_payload *payload,
                  uint64_t *frame_number)
{
    uint16_t message_flags = session->context->hg_class->message_flags;
    struct hg_header checked;

    if (message_flags == 0)
        return outbox_add(session, header, payload, frame_number);
    checked = outbox_checked(header, payload, message_flags);
    return outbox_add(session, &checked, payload, frame_number);
}

bool hg_outbox_flush(struct hg_session *session)
{
    struct hg_outbox *outbox = &session->outbox;

    if (!outbox_offer_refused(session))
        return false;
    if (outbox->open == NULL && session->announce && outbox_open(session) == NULL)
        return false;
    if (outbox->open != NULL)
        outbox_close_frame(session);
    return outbox->refused == NULL;
}

void hg_outbox_clear(struct hg_session *session)
{
    struct hg_outbox *outbox = &session->outbox;

    na_frame_put(session->port->na, outbox->open);
    while (outbox->refused != NULL) {
        struct na_frame *frame = outbox->refused;

        outbox->refused = frame->next;
        na_frame_put(session->port->na, frame);
    }
    /* The counts stay: they tell which frames were taken. */
    outbox->open = NULL;
    outbox->refused_tail = &outbox->refused;
    outbox->refused_count = 0;
    outbox->room = 0;
}
