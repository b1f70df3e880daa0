/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * RDMA devices: which one a class uses, by what address, and what it can hold.
 *
 * For providers whose row says that addresses belong to devices, and that queues must be exact. Set-up only: one thread
 * per class.
 */
#ifndef NA_OFI_OFI_DEVICE_H
#define NA_OFI_OFI_DEVICE_H

#include "na/ofi/ofi_objects.h"

/* Our own address: of the device, the interface, the host or the subnet that the user named, else the first that a device of
 * the provider has; IPv4 before IPv6. Writes the device into uri->domain. -ENODEV with the reason why there is none. */
int ofi_device_choose(struct ofi_class *owner, const struct na_config *config, struct na_uri *uri);

/* The address of an info; false if it is none that peers can be told as text: InfiniBand's own, and link-local ones, which would
 * need their interface beside them. */
bool ofi_device_address(const struct fi_info *info, struct ofi_address *out);

/* The size of the largest completion queue of at most `wanted` entries that can be made, to within a sixteenth; 0 if none. */
size_t ofi_device_queue_max(struct fid_domain *domain, size_t wanted);

/* Why an endpoint of a provider that is layered on queue pairs cannot be opened, and the cure, if it is the size of
 * its completion queue: true, and a sentence. */
bool ofi_device_explain_layer(const struct ofi_class *owner, int ret, char *text, size_t size);

#endif
