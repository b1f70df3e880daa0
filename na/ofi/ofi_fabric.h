/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * From an info string to an open fabric and domain, and addresses in the class's own terms.
 */
#ifndef NA_OFI_OFI_FABRIC_H
#define NA_OFI_OFI_FABRIC_H

#include "na/ofi/ofi_objects.h"

/* Asks libfabric for the provider and opens fabric and domain; sets info, connect_info, address and
 * mr_mode, and uri->domain where a device was chosen. The row and `connected` are set already. With a detail. */
int ofi_fabric_open(struct ofi_class *owner, const struct na_config *config, struct na_uri *uri);
/* Takes a half-built class. */
void ofi_fabric_close(struct ofi_class *owner);

/* A peer's address from a text: a user's, which may be `named`, or a canonical one, which a peer may have sent: that must not make us
 * wait for a name server. -EPROTONOSUPPORT for another protocol than the class's. */
int ofi_fabric_peer_address(const struct ofi_class *owner, const char *text, bool named, struct ofi_address *out);

/* Puts a copy of an address into an info, in the place of the one that is there. Gives libfabric's error. */
int ofi_fabric_info_address(void **bytes, size_t *size, const struct ofi_address *address);

/* All that libfabric offers for a row; the caller frees it with fi_freeinfo. Gives libfabric's error. */
int ofi_fabric_query_all(const struct ofi_provider *row, const char *protocol, struct fi_info **list_out);

#endif
