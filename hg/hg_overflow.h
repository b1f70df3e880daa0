/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_overflow.h
 * Payloads too large for messages: they stay with the sender, registered; a descriptor goes in their place,
 * and the receiver pulls. All functions need the owner context's lock.
 *
 * The message's payload is then: u32 size of the inline part, u32 CRC-32C of what is pulled (0 unless payloads are
 * checked), the inline part (the user's own bytes in front of the encoded data) padded to 8, the descriptor
 * (bulk/bulk_wire.h).
 */

#ifndef HG_HG_OVERFLOW_H
#define HG_HG_OVERFLOW_H

#include "hg/hg_outbox.h"

/** Exposures of ended calls that a session keeps at most; beyond them the oldest is revoked. */
#define HG_OVERFLOW_ORPHANS_MAX 256U

struct hg_handle;
struct hg_session;

/** Registers the handle's encoded data for reading and makes the payload that goes in its place; both are kept by the
 *  handle until hg_overflow_free_locked(). */
int hg_overflow_expose_locked(struct hg_handle *handle, struct hg_outbox_payload *payload);

/** Starts pulling the payload that the received message (handle->received) describes. @p done is called once, under the
 *  lock, with 0 and the whole payload in handle->received, or with an error. */
int hg_overflow_pull_locked(struct hg_handle *handle, void (*done)(struct hg_handle *handle, int error));

/** Stops a pull: done will not be called any more. The memory that the pull writes to stays until the transport is
 *  through with it; then the peer is told that it may let go of @p release_tag (0: nothing is told). */
void hg_overflow_abandon_locked(struct hg_handle *handle, uint64_t release_tag);

/** Ends the exposure, if any: no peer reaches the data afterwards where the provider can revoke. */
void hg_overflow_free_locked(struct hg_handle *handle);

/** The call of an exposed input ends early, and its peer may be reading: the exposure goes over to the session with the
 *  memory behind it, until the peer releases @p tag or the session ends. To revoke memory that is being read would make
 *  some providers cut the connection, and with it every other call. */
void hg_overflow_orphan_locked(struct hg_handle *handle, uint64_t tag);
/** The peer has let go of an orphan. Unknown tags are ignored. */
void hg_overflow_release_orphan_locked(struct hg_session *session, uint64_t tag);
/** The session has ended: frees all its orphans. */
void hg_overflow_free_orphans_locked(struct hg_session *session);

#endif
