/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_fragment.h
 * How a payload travels: in one message when it fits a frame, in a few fragments when it is somewhat larger,
 * beyond that as a descriptor of memory to pull from (hg_overflow.h). Needs the owner context's lock.
 */

#ifndef HG_HG_FRAGMENT_H
#define HG_HG_FRAGMENT_H

#include <stdint.h>

#include "hg/hg_header.h"
#include "hg/hg_outbox.h"

/** Fragments of one payload at most; beyond them it is pulled. */
#define HG_FRAGMENT_MAX 8U

struct hg_handle;

/** Sends the handle's payload with this header, going on where handle->encoded.sent says. 0: all of it is in the outbox,
 *  the last of it in frame *@p frame_number. -EAGAIN: no room, go on later. Other: it cannot be sent. */
int hg_fragment_send(struct hg_handle *handle, struct hg_header *header, const struct hg_outbox_payload *payload,
                     uint64_t *frame_number);

#endif
