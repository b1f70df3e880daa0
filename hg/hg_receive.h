/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_receive.h
 * From a frame to its messages: the upcalls that a context gives to its transport. They run inside
 * na_progress(), under the context's lock.
 */

#ifndef HG_HG_RECEIVE_H
#define HG_HG_RECEIVE_H

#include "na/na.h"

struct hg_handle;
struct hg_header;

/** The upcalls of every context; their argument is the struct hg_context. */
extern const struct na_upcalls hg_receive_upcalls;

/** Makes room for the payload that @p header announces. -ENOMEM. */
int hg_receive_reserve(struct hg_handle *handle, const struct hg_header *header);

/** Copies the payload, or the piece of one, that came with @p header. 1: it is complete, 0: pieces are missing,
 *  -EBADMSG: pieces contradict each other. */
int hg_receive_copy(struct hg_handle *handle, const struct hg_header *header, const unsigned char *payload);

/** Gives up a request that has not arrived whole, because its session ended. */
void hg_receive_abandon_locked(struct hg_handle *handle);

#endif
