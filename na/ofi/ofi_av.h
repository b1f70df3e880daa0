/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Addresses of datagram endpoints in libfabric's address vector, counted by the routes that use
 * them. One vector per class; any thread.
 */
#ifndef NA_OFI_OFI_AV_H
#define NA_OFI_OFI_AV_H

#include "na/ofi/ofi_objects.h"

int ofi_av_open(struct ofi_class *owner);
void ofi_av_close(struct ofi_class *owner);

/* The entry for an address, inserted if it is new; `text` is its canonical form. */
int ofi_av_get(struct ofi_class *owner, const struct ofi_address *address, const char *text,
               struct ofi_av_entry **entry_out);

/* Gives it back. Takes NULL. */
void ofi_av_put(struct ofi_class *owner, struct ofi_av_entry *entry);

#endif
