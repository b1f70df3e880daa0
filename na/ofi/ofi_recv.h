/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Receive buffers of a context: posted, emptied, posted again.
 *
 * Two ways, by provider: a ring of buffers that take one frame each, or a few large ones that take
 * many (FI_MULTI_RECV). Callers serialise per context.
 */
#ifndef NA_OFI_OFI_RECV_H
#define NA_OFI_OFI_RECV_H

#include "na/ofi/ofi_objects.h"

/* How many buffers a context of the class has. */
uint32_t ofi_recv_count(const struct ofi_class *owner);

/* Allocates and registers the buffers and posts them all. */
int ofi_recv_open(struct ofi_context *context);
/* Frees them; the endpoint must be closed. Takes a zeroed context. */
void ofi_recv_close(struct ofi_context *context);

/* A receive completed: hands the frame up and gives the buffer back when it is empty. */
void ofi_recv_done(struct ofi_context *context, struct ofi_recv_buf *buf, const struct fi_cq_data_entry *entry);
/* A receive failed, for instance because the sender died in the middle. */
void ofi_recv_failed(struct ofi_context *context, struct ofi_recv_buf *buf, const struct fi_cq_err_entry *entry);

/* Posts what is idle; what libfabric refuses stays for the next turn. */
void ofi_recv_repost(struct ofi_context *context);

#endif
