/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_dispatch.h
 * The target's way in: from a request message to the user's RPC callback. Needs the context's lock.
 */

#ifndef HG_HG_DISPATCH_H
#define HG_HG_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

struct hg_context;
struct hg_handle;
struct hg_header;
struct hg_session;

/** A request (or a piece of one) has arrived on a session. -EBADMSG: it breaks the protocol. */
int hg_dispatch_request_locked(struct hg_session *session, const struct hg_header *header,
                               const unsigned char *payload);

/** A whole request is at hand (state IDLE or RECEIVING): hands it to the completion queue of the context that is meant. */
void hg_dispatch_ready_locked(struct hg_handle *handle);

/** Looks up the RPC: HG_SUCCESS and handle->rpc, or what to answer. */
int hg_dispatch_find_rpc(struct hg_context *context, uint64_t rpc_id, struct hg_handle *handle);

/** The origin no longer waits for a request that has not been received whole, or is not here at all: drops what there is. */
void hg_dispatch_cancelled_locked(struct hg_session *session, uint64_t tag);

/** Whether a request is being received: pieces of it are missing, some of which have come since this was asked last,
 *  or its payload is being pulled. Where none have come, they will not, and it is dropped. */
bool hg_dispatch_awaits_locked(struct hg_session *session, uint64_t tag);

#endif
