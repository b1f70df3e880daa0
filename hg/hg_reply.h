/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_reply.h
 * The origin's way in: from a response message to the user's callback. Needs the context's lock.
 */

#ifndef HG_HG_REPLY_H
#define HG_HG_REPLY_H

struct hg_header;
struct hg_session;
struct hg_context;

/** A response, nack, or piece of one has arrived on a session. Replies to nobody are counted and dropped. -EBADMSG: it
 *  breaks the protocol. */
int hg_reply_receive_locked(struct hg_session *session, const struct hg_header *header, const unsigned char *payload);

#endif
