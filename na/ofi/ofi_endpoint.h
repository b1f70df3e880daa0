/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A context's endpoint: the completion queue, and what receives are posted to.
 */
#ifndef NA_OFI_OFI_ENDPOINT_H
#define NA_OFI_OFI_ENDPOINT_H

#include "na/ofi/ofi_objects.h"

/* Opens a completion queue with a shared receive context (connections) or an endpoint at `address`
 * (datagrams; its size 0 for any), whose real address goes into endpoint->address. */
int ofi_endpoint_open(struct ofi_class *owner, const struct ofi_address *address, struct ofi_endpoint *endpoint);

/* Where the queue must hold all that is posted: the largest up to what is wanted that the device can make, and from it what
 * may be posted. Sets queue_size, slots and rma_slots of the class; -ENOBUFS if it does not even hold the receives. */
int ofi_endpoint_fit_queue(struct ofi_class *owner);

/* Takes a half-built or zeroed endpoint. After it, libfabric touches no buffer any more. */
void ofi_endpoint_close(struct ofi_endpoint *endpoint);

#endif
