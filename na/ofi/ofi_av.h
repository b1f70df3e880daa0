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

/* The entry for an address, inserted if it is new; `text` is its canonical form. -ECONNREFUSED while
 * routes to a peer that died there are still open. */
int ofi_av_get(struct ofi_class *owner, const struct ofi_address *address, const char *text,
               struct ofi_av_entry **entry_out);

/* Gives it back; `dead` if the peer is known to have ended. Takes NULL. */
void ofi_av_put(struct ofi_class *owner, struct ofi_av_entry *entry, bool dead);

/* Remembers for the life of the process that it has an endpoint of this name itself, and that it closed it. */
void ofi_av_note_local(const char *text);
void ofi_av_local_close(const char *text, struct fid_ep *ep);

/* Around every post to a peer that may be an endpoint of this process: libfabric's shm writes straight into such an
 * endpoint and would go on to when it is freed. False: it has been closed, nothing must be posted, leave is not called. */
bool ofi_av_local_enter(const struct ofi_av_entry *entry);
void ofi_av_local_leave(const struct ofi_av_entry *entry);

#endif
