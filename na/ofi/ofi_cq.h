/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A context's turn of progress: its completion queue and everything else that is due. Callers
 * serialise per context.
 */
#ifndef NA_OFI_OFI_CQ_H
#define NA_OFI_OFI_CQ_H

#include "na/ofi/ofi_objects.h"

/* na_progress. */
int ofi_cq_progress(struct na_context *base);

/* Reads the completion queue until it is empty, or for so long, while the context is being closed
 * and frames are still to leave. */
void ofi_cq_linger(struct ofi_context *context, uint64_t deadline_ns);

#endif
