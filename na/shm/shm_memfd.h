/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Anonymous shared memory that is handed to peers as a descriptor: making it, and mapping a peer's.
 *
 * What comes from a peer is mapped only when it is such memory, of exactly the size that it must have,
 * and sealed, so that the peer cannot cut it short and kill us by SIGBUS. The contents may be anything.
 * No state; any thread.
 */
#ifndef NA_SHM_SHM_MEMFD_H
#define NA_SHM_SHM_MEMFD_H

#include <stdbool.h>
#include <stddef.h>

/* Makes zeroed memory of `size` bytes, mapped for writing, whose size cannot change any more. With `own`, nobody
 * else can map it for writing, where the kernel can see to that (5.1). 0, or a negative errno value. */
int shm_memfd_create(const char *name, size_t size, bool own, void **memory_out, int *fd_out);

/* Maps the memory behind a peer's descriptor, which stays the caller's. -EPROTO if it is not what it should be, or
 * what mmap said. */
int shm_memfd_map(int fd, size_t size, bool writable, void **memory_out);

/* Undoes the mapping of either; takes NULL. */
void shm_memfd_unmap(void *memory, size_t size);

#endif /* NA_SHM_SHM_MEMFD_H */
