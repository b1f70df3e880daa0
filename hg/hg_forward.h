/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_forward.h
 * The origin's way out: from HG_Forward() to the outbox. Needs the owner context's lock.
 */

#ifndef HG_HG_FORWARD_H
#define HG_HG_FORWARD_H

#include "mercury_types.h"
#include "quicksilver.h"

struct hg_handle;

/** Puts the request of a handle in state WAITING into its session's outbox. 0: it is SENT, or has ended with an
 *  error that its callback will tell. -EAGAIN: no room, it goes on waiting. */
int hg_forward_send_locked(struct hg_handle *handle);

/** Hands the encoded call (state WAITING) to its session, or to this class itself. An error leaves it as it was. */
int hg_forward_submit_locked(struct hg_handle *handle);

/** What is known of a call that ends now without an answer, from how far it has come. */
enum qs_outcome hg_forward_outcome(const struct hg_handle *handle);

#endif
