/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_cancel.h
 * The early end of a call, at both of its ends. Needs the lock of the handle's owner throughout.
 */

#ifndef HG_HG_CANCEL_H
#define HG_HG_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "mercury_types.h"

struct hg_class;
struct hg_context;
struct hg_handle;
struct hg_session;

/** Origin: ends a call (state WAITING, SENT or PULLING) with @p ret, and tells the target that nobody waits any more. */
void hg_cancel_call_locked(struct hg_handle *handle, hg_return_t ret);

/** Target: the origin on this session no longer waits for the answer to this tag. */
void hg_cancel_received_locked(struct hg_session *session, uint64_t tag);

/** Target: the same for a call to oneself, received by @p context from the class's context @p origin_context. */
void hg_cancel_self_locked(struct hg_context *context, uint64_t tag, uint8_t origin_context);

/** Target: nobody waits any more for any answer on this session, which has ended. */
void hg_cancel_session_locked(struct hg_session *session);

/** Target: the program no longer wants to serve any of the requests of a context: those that wait, or are still coming, do
 *  not run, and the others are told. */
void hg_cancel_all_locked(struct hg_context *context);

/** Origin: a call that serves a request begins, and is to end with the request that it serves, if that is what the user wants. False: that
 *  request was cancelled already. */
bool hg_cancel_join_locked(struct hg_handle *handle);

/** Whether calls and transfers are to end with the request that they serve, although nobody said so for them alone. */
bool hg_cancel_nested_wanted(const struct hg_class *hg_class);

/** Target: the request is about to be answered: it is not to be found any more, and what served it goes its own way. */
void hg_cancel_answered_locked(struct hg_handle *handle);

#endif
