/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Put and get on registered memory. Callers serialise per context.
 */
#ifndef NA_OFI_OFI_RMA_H
#define NA_OFI_OFI_RMA_H

#include "na/ofi/ofi_objects.h"

/* Makes and frees what the context's operations need; close comes after the endpoint was closed. */
void ofi_rma_open(struct ofi_context *context);
void ofi_rma_close(struct ofi_context *context);

/* na_rma_post, na_rma_cancel. */
int ofi_rma_post(struct na_rma *rma);
void ofi_rma_cancel(struct na_rma *rma);

/* An operation came back from libfabric, with an errno-like error or 0. */
void ofi_rma_done(struct ofi_context *context, struct ofi_rma_op *op, int err);

/* The route is being closed by its owner: what is pending will end with -ECANCELED. */
void ofi_rma_cancel_route(struct ofi_route *route);
/* Ends the operations of a route that libfabric will never mention again. */
void ofi_rma_reclaim(struct ofi_route *route);
/* Drops them without a call. */
void ofi_rma_forget(struct ofi_route *route);

/* Frees the operations that failed, when libfabric has said all about their connection. */
void ofi_rma_free_spent(struct ofi_route *route);

#endif
