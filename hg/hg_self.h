/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_self.h
 * Calls to one's own address: messages that take the way of parcels between contexts of the class (often
 * the same context) instead of the network. From the parcel on, they share the code of received messages.
 */

#ifndef HG_HG_SELF_H
#define HG_HG_SELF_H

#include "mercury_types.h"

struct hg_handle;

/** Sends the encoded request of @p handle (state WAITING) to its own class. Needs the owner's lock. 0: state SENT. */
int hg_self_forward_locked(struct hg_handle *handle);

/** Sends the encoded response of @p handle (state RESPONDING) to the context that asked. Needs the owner's lock. */
int hg_self_respond_locked(struct hg_handle *handle);

/** Frees what a request of this class was to be answered with: handle->self_answer, not NULL. Needs the owner's lock. */
void hg_self_drop_answer(struct hg_handle *handle);

/** The call of @p handle ends early: tells the context that was meant. Needs the owner's lock. */
void hg_self_cancel_locked(const struct hg_handle *handle);

#endif
