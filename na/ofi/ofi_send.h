/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Frames and their way into libfabric: the context's pool of frames, inject for small ones, slots
 * for the rest. Callers serialise per context.
 */
#ifndef NA_OFI_OFI_SEND_H
#define NA_OFI_OFI_SEND_H

#include "na/ofi/ofi_objects.h"

/* Makes an empty pool. */
void ofi_send_open(struct ofi_context *context);
/* Frees the pool; libfabric must have no frame any more. */
void ofi_send_close(struct ofi_context *context);

/* na_frame_get, na_frame_put, na_send. */
struct na_frame *ofi_send_frame_get(struct na_context *base);
void ofi_send_frame_put(struct na_context *base, struct na_frame *frame);
int ofi_send_frame(struct na_route *base, struct na_frame *frame);

/* A frame came back from libfabric, with an errno-like error or 0. */
void ofi_send_done(struct ofi_context *context, struct ofi_frame *frame, int err);

/* Takes back the frames of a route that libfabric will never mention again. */
void ofi_send_reclaim(struct ofi_route *route);

/* Frees the frames that failed, when libfabric has said all about their connection. */
void ofi_send_free_spent(struct ofi_route *route);
/* The same where it might: they are not used again before all others. */
void ofi_send_give_up(struct ofi_route *route);

#endif
