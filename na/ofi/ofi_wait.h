/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Sleeping until there is work: one epoll set per context, with libfabric's descriptors and an eventfd
 * for other threads.
 */
#ifndef NA_OFI_OFI_WAIT_H
#define NA_OFI_OFI_WAIT_H

#include "na/ofi/ofi_objects.h"

/* Makes the set; the endpoint must be open. Sets the context's wait_fd. */
int ofi_wait_open(struct ofi_context *context);

/* na_wait_prepare, na_wait_finish, na_wake, na_next_deadline_ns. */
bool ofi_wait_prepare(struct na_context *base);
void ofi_wait_finish(struct na_context *base);
void ofi_wait_wake(struct na_context *base);
uint64_t ofi_wait_deadline_ns(const struct na_context *base);

#endif
