/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Registered memory: the user's, with keys for peers, and our own buffers where the provider wants
 * even those registered. Any thread: libfabric guards the domain, registrations are independent.
 */
#ifndef NA_OFI_OFI_MR_H
#define NA_OFI_OFI_MR_H

#include "na/ofi/ofi_objects.h"

/* Registers our own memory for `access` if the provider wants that (FI_MR_LOCAL); otherwise *mr_out
 * and *desc_out become NULL. */
int ofi_mr_local(struct ofi_class *owner, void *memory, size_t size, uint64_t access, struct fid_mr **mr_out,
                 void **desc_out);

/* Whether registrations get more rights than they are asked for: those of a cache do. */
bool ofi_mr_all_rights(struct ofi_class *owner);

/* na_mem_register, na_mem_deregister, na_mem_describe. */
int ofi_mr_register(struct na_class *base, const struct na_segment *segments, uint32_t count, unsigned access,
                    enum na_mem_kind kind, uint64_t device, struct na_mem **mem_out);
void ofi_mr_deregister(struct na_mem *base);
void ofi_mr_describe(const struct na_mem *base, uint32_t index, struct na_remote_segment *out);

#endif
