/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_outbox.h
 * What leaves for one peer in one frame: messages are packed into an open frame, and frames that the
 * transport refuses wait here, in order and bounded.
 *
 * When a message leaves is decided by who adds it (hg_session_kick()): at once outside callbacks, at
 * the end of the outermost HG_Trigger() inside one. All functions need the context's lock.
 */

#ifndef HG_HG_OUTBOX_H
#define HG_HG_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hg/hg_header.h"
#include "na/na.h"

/** Frames that wait for the transport in one session; beyond them messages wait in the session's queues. */
#define HG_OUTBOX_REFUSED_MAX 8U

struct hg_session;

struct hg_outbox {
    struct na_frame *open;    /**< being filled, or NULL */
    struct na_frame *refused; /**< singly linked by next, oldest first */
    struct na_frame **refused_tail;
    uint32_t refused_count;
    uint64_t filled; /**< frames closed or being filled so far: the number of the open frame */
    uint64_t sent;   /**< frames that the transport has taken so far */
    size_t room;     /**< bytes of data that may be added before the transport is asked for more: na_room() */
};

/** A payload in up to two pieces, as it lies in memory. */
struct hg_outbox_payload {
    const void *head;
    size_t head_size;
    const void *tail;
    size_t tail_size;
};

void hg_outbox_init(struct hg_outbox *outbox);

/** Appends one message. -EAGAIN: no room until frames have left. -EMSGSIZE: larger than any frame. @p frame_number,
 *  if not NULL, is told the frame it is in: it has left when outbox->sent exceeds that. */
int hg_outbox_add(struct hg_session *session, const struct hg_header *header, const struct hg_outbox_payload *payload,
                  uint64_t *frame_number);

/** The largest payload that fits in one frame with this header, hello included. */
size_t hg_outbox_payload_max(const struct hg_session *session, size_t header_size);

/** Offers everything to the transport, oldest first. True when nothing is left. An empty frame is made when the
 *  session has a hello or credit to announce. */
bool hg_outbox_flush(struct hg_session *session);

/** Gives all frames back unsent. */
void hg_outbox_clear(struct hg_session *session);

#endif
