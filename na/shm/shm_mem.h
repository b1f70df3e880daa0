/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Registered memory: na_mem_register and its namesakes. Any thread.
 */
#ifndef NA_SHM_SHM_MEM_H
#define NA_SHM_SHM_MEM_H

#include "na/shm/shm_objects.h"

int shm_mem_register(struct na_class *base, const struct na_segment *segments, uint32_t count, unsigned access,
                     enum na_mem_kind kind, uint64_t device, struct na_mem **mem_out);
void shm_mem_deregister(struct na_mem *base);
void shm_mem_describe(const struct na_mem *base, uint32_t index, struct na_remote_segment *out);

#endif /* NA_SHM_SHM_MEM_H */
