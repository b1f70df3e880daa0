/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_respond.h
 * The target's way back: from HG_Respond() to the outbox, and answers that the library gives in the
 * handler's place. All functions need the owner context's lock.
 */

#ifndef HG_HG_RESPOND_H
#define HG_HG_RESPOND_H

#include <stdbool.h>
#include <stdint.h>

#include "mercury_types.h"

struct hg_handle;
struct hg_header;
struct hg_once_found;
struct hg_session;

/** Puts the response of a handle in state RESPONDING into its session's outbox; -EAGAIN: no room yet. */
int hg_respond_send_locked(struct hg_handle *handle);

/** The frame with the response was taken by the transport. */
void hg_respond_left_locked(struct hg_handle *handle);

/** The response cannot leave any more: the session ended. */
void hg_respond_failed_locked(struct hg_handle *handle, hg_return_t ret);

/** The origin has pulled the response that @p tag names, and no longer needs the buffer. */
void hg_respond_released_locked(struct hg_session *session, uint64_t tag);
/** The origin does not wait any more for the response to this request, and so does not pull it either. */
void hg_respond_unwanted_locked(struct hg_session *session, uint64_t tag);

/** The last reference went while an answer is owed: answers with an error. True when that took a reference. */
bool hg_respond_instead_locked(struct hg_handle *handle);

/** Answers a repeated request, in a handle of its own (state IDLE), as it was answered before. 0: the handle's reference is
 *  the answer's; -ENOMEM. */
int hg_respond_again_locked(struct hg_handle *handle, const struct hg_once_found *found);

/** Answers a request that has no handle, with a status and no payload. */
void hg_respond_status_locked(struct hg_session *session, const struct hg_header *request, hg_return_t status);

#endif
