/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The page on which an endpoint tells its peers whether it sleeps: an anonymous shared file of
 * fixed size, written by its owner and mapped read-only by the peers that were handed its
 * descriptor.
 *
 * A page received from a peer is not trusted: it is mapped only when its size is right and sealed,
 * so that the peer cannot cut it short and kill us by SIGBUS, and every value read from it may be
 * anything. Creating and mapping may be done by any thread.
 */
#ifndef NA_OFI_SHM_DOORBELL_PAGE_H
#define NA_OFI_SHM_DOORBELL_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

#define SHM_DOORBELL_PAGE_MAGIC   UINT32_C(0x51534450)
#define SHM_DOORBELL_PAGE_VERSION UINT32_C(1)
#define SHM_DOORBELL_PAGE_SIZE    4096U

struct shm_doorbell_page {
    uint32_t magic;
    uint32_t version;
    /* The number of times that the owner went to sleep and woke: odd while it sleeps. On a cache
     * line of its own, since every sender reads it. */
    _Alignas(64) _Atomic uint64_t epoch;
};

/* The full fence between a write of one's own and a read of what the other side wrote. GCC warns
 * that ThreadSanitizer does not model fences; it still emits them, and nothing here is ordered for
 * ThreadSanitizer's sake by them. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
static inline void shm_doorbell_page_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* Makes a page, sealed against any change of its size and, where the kernel can, against being
 * mapped for writing by others. 0, or a negative errno value. */
int shm_doorbell_page_create(struct shm_doorbell_page **page_out, int *fd_out);

/* Maps the page behind a descriptor from a peer; the descriptor stays the caller's and may be
 * closed afterwards. -EPROTO when it is not such a page, or what mmap said. */
int shm_doorbell_page_map(int fd, const struct shm_doorbell_page **page_out);

/* Undoes either; takes NULL. */
void shm_doorbell_page_unmap(const struct shm_doorbell_page *page);

#endif /* NA_OFI_SHM_DOORBELL_PAGE_H */
