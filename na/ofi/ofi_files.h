/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A class whose process has no descriptors left. Peers that connect then wait in the kernel, and make the event queue's
 * descriptor readable all the time, though reading brings nothing: libfabric cannot accept them, and says nothing of it. The
 * queue is then left alone for a while at a time, so that contexts sleep; a connection is taken as soon as there is a
 * descriptor for it again. What other events there are waits for so long, too.
 */
#ifndef NA_OFI_OFI_FILES_H
#define NA_OFI_OFI_FILES_H

#include "na/ofi/ofi_objects.h"

/* Whether the event queue is left alone for now. Under cm.lock. */
bool ofi_files_rests_locked(const struct ofi_class *owner, uint64_t now_ns);
/* The queue was read, and had something or nothing. Under cm.lock. */
void ofi_files_read_locked(struct ofi_class *owner, bool something, uint64_t now_ns);

/* Before the context sleeps: its descriptor includes the event queue's or does not. */
void ofi_files_prepare(struct ofi_context *context);
/* When the queue is to be looked at again; UINT64_MAX when it is not left alone. */
uint64_t ofi_files_deadline_ns(const struct ofi_context *context);

#endif
