/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The table in which a class tells its peers which of its memory they may reach, by which key.
 *
 * It lies in memory that its owner alone can write and that peers map for reading. A peer that is about
 * to copy from or to the owner's memory looks the range up, key, direction and bounds, as a network
 * card would. Peers are processes of the same user, which the system lets read our memory anyway: the
 * table keeps honest peers from mistakes, such as a key that was withdrawn; it is no wall against
 * dishonest ones.
 *
 * An entry's number and an offset make the address that travels in a descriptor; the key beside it is 64
 * random bits. Entries are read under a sequence count, so that a reader sees one as a whole or not at
 * all. All functions on a table may be called by any thread; a view belongs to whoever opened it.
 */
#ifndef NA_SHM_SHM_TABLE_H
#define NA_SHM_SHM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Registered segments of one class: 8 MiB of address space, of which only what is used takes memory. */
#define SHM_TABLE_ENTRIES (256U * 1024U)
/* The address of an entry's first byte: its number, and room for offsets into 64 TiB. */
#define SHM_TABLE_OFFSET_BITS 46U
#define SHM_TABLE_SIZE_MAX    (UINT64_C(1) << SHM_TABLE_OFFSET_BITS)

struct shm_table;      /* one's own */
struct shm_table_view; /* a peer's */

/* A range that may be reached. */
struct shm_table_range {
    uint64_t base; /* in the owner's address space */
    uint64_t size;
    unsigned int access; /* enum na_access bits */
};

int shm_table_create(struct shm_table **table_out);
/* Takes NULL. */
void shm_table_destroy(struct shm_table *table);
/* The descriptor that peers get; owned by the table. */
int shm_table_fd(const struct shm_table *table);

/* Enters a range under `key`, and gives its address. -ENOSPC: the table is full; -ENOMEM; -EINVAL: the range is
 * larger than SHM_TABLE_SIZE_MAX. */
int shm_table_add(struct shm_table *table, const struct shm_table_range *range, uint64_t key, uint64_t *address_out);
/* Withdraws it: a full fence, so that whoever looks afterwards finds nothing. */
void shm_table_remove(struct shm_table *table, uint64_t address);

/* Serve a peer that cannot copy by itself: copies `size` bytes from, or to, where `address` leads, if `key` lets
 * `checked` bytes from there be read, or written (the rest of a transfer, of which this is a piece). 0; -EACCES: no
 * such key, or not for this; -EFAULT: beyond the range. Removing an entry waits for these. */
int shm_table_read(struct shm_table *table, uint64_t address, uint64_t key, uint64_t checked, void *to, size_t size);
int shm_table_write(struct shm_table *table, uint64_t address, uint64_t key, uint64_t checked, const void *from,
                    size_t size);

/* Maps the table behind a peer's descriptor, which stays the caller's. -EPROTO: it is none. */
int shm_table_view_open(int fd, struct shm_table_view **view_out);
void shm_table_view_close(struct shm_table_view *view);
/* Where `size` bytes from `address` on are in the peer's memory, if `key` lets them be reached for `access` (enum
 * na_access bits): 0, -EACCES or -EFAULT as above. */
int shm_table_view_find(const struct shm_table_view *view, uint64_t address, uint64_t key, uint64_t size,
                        unsigned int access, uint64_t *base_out);

/* The number of the entry that an address leads to; at most SHM_TABLE_ENTRIES - 1 for addresses of a table. */
static inline uint32_t shm_table_entry_of(uint64_t address)
{
    return (uint32_t)(address >> SHM_TABLE_OFFSET_BITS);
}

#endif /* NA_SHM_SHM_TABLE_H */
