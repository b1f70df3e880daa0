/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The table of registered memory: entries in shared memory, and the owner's list of free ones.
 *
 * An entry's sequence count is odd while the owner changes it. Fields are atomics, read and written
 * relaxed between the count's two accesses, so that a torn read is noticed and never undefined. Only the
 * owner takes the lock; readers never wait for it, and never for long: an entry that is being changed is
 * one that is not valid yet, or no longer.
 */
#include "na/shm/shm_table.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "na/na.h"
#include "na/shm/shm_doorbell_page.h"
#include "na/shm/shm_memfd.h"
#include "util/util_alloc.h"
#include "util/util_lock.h"

#define SHM_TABLE_MAGIC   UINT64_C(0x3154425451534d48)
#define TABLE_FREE_FIRST  64U
#define TABLE_OFFSET_MASK (SHM_TABLE_SIZE_MAX - 1)
#define TABLE_ACCESS_MASK UINT64_C(7)
#define TABLE_ACCESS_BITS 3U

/* Entry 0 is the table's head: its base holds the magic, and it is never valid. */
struct table_entry {
    _Atomic uint64_t sequence;
    _Atomic uint64_t key;
    _Atomic uint64_t base;
    _Atomic uint64_t extent; /* size and access; 0: not valid */
};

#define TABLE_BYTES (SHM_TABLE_ENTRIES * sizeof(struct table_entry))

struct shm_table {
    struct table_entry *entries; /* in shared memory */
    int fd;
    struct util_lock lock; /* all below, and writing entries */
    uint32_t *free;        /* owned stack of entries that were used and are free */
    uint32_t free_count;
    uint32_t free_capacity;
    uint32_t used; /* entries at the front that were ever used */
};

struct shm_table_view {
    const struct table_entry *entries;
};

int shm_table_create(struct shm_table **table_out)
{
    struct shm_table *table = util_calloc(1, sizeof(*table));
    void *memory = NULL;
    int error;

    if (table == NULL)
        return -ENOMEM;
    error = shm_memfd_create("quicksilver-memory", TABLE_BYTES, true, &memory, &table->fd);
    if (error != 0) {
        util_free(table);
        return error;
    }
    table->entries = memory;
    atomic_store_explicit(&table->entries[0].base, SHM_TABLE_MAGIC, memory_order_relaxed);
    table->used = 1;
    util_lock_init(&table->lock);
    *table_out = table;
    return 0;
}

void shm_table_destroy(struct shm_table *table)
{
    if (table == NULL)
        return;
    util_lock_fini(&table->lock);
    shm_memfd_unmap(table->entries, TABLE_BYTES);
    (void)close(table->fd);
    util_free(table->free);
    util_free(table);
}

int shm_table_fd(const struct shm_table *table)
{
    return table->fd;
}

/* Changes an entry as a whole. */
static void table_write_locked(struct table_entry *entry, uint64_t key, uint64_t base, uint64_t extent)
{
    uint64_t sequence = atomic_load_explicit(&entry->sequence, memory_order_relaxed);

    atomic_store_explicit(&entry->sequence, sequence + 1, memory_order_relaxed);
    /* The odd count is seen before any of the fields; and after the even one, all of them. */
    shm_doorbell_page_fence();
    atomic_store_explicit(&entry->key, key, memory_order_relaxed);
    atomic_store_explicit(&entry->base, base, memory_order_relaxed);
    atomic_store_explicit(&entry->extent, extent, memory_order_relaxed);
    atomic_store_explicit(&entry->sequence, sequence + 2, memory_order_release);
}

/* A free entry's number, or 0. */
static uint32_t table_take_free_locked(struct shm_table *table)
{
    if (table->free_count > 0)
        return table->free[--table->free_count];
    return table->used < SHM_TABLE_ENTRIES ? table->used++ : 0;
}

/* Room on the stack of free entries for as many as were ever used, so that freeing cannot fail. */
static int table_grow_locked(struct shm_table *table)
{
    uint32_t capacity = table->free_capacity == 0 ? TABLE_FREE_FIRST : table->free_capacity * 2;
    uint32_t *more;

    if (table->used < table->free_capacity)
        return 0;
    more = util_realloc(table->free, capacity * sizeof(*more));
    if (more == NULL)
        return -ENOMEM;
    table->free = more;
    table->free_capacity = capacity;
    return 0;
}

int shm_table_add(struct shm_table *table, const struct shm_table_range *range, uint64_t key, uint64_t *address_out)
{
    uint32_t entry = 0;
    int error;

    if (range->size == 0 || range->size > SHM_TABLE_SIZE_MAX)
        return -EINVAL;
    util_lock_take(&table->lock);
    error = table_grow_locked(table);
    if (error == 0) {
        entry = table_take_free_locked(table);
        if (entry == 0)
            error = -ENOSPC;
        else
            table_write_locked(&table->entries[entry], key, range->base,
                               range->size << TABLE_ACCESS_BITS | (range->access & TABLE_ACCESS_MASK));
    }
    util_lock_drop(&table->lock);
    if (error == 0)
        *address_out = (uint64_t)entry << SHM_TABLE_OFFSET_BITS;
    return error;
}

void shm_table_remove(struct shm_table *table, uint64_t address)
{
    uint32_t entry = shm_table_entry_of(address);

    util_lock_take(&table->lock);
    table_write_locked(&table->entries[entry], 0, 0, 0);
    table->free[table->free_count++] = entry;
    util_lock_drop(&table->lock);
    shm_doorbell_page_fence();
}

/* Reads an entry as a whole; false if it is being changed, or is not valid. */
static bool table_read(const struct table_entry *entry, uint64_t *key, struct shm_table_range *range)
{
    uint64_t sequence = atomic_load_explicit(&entry->sequence, memory_order_acquire);
    uint64_t extent;

    *key = atomic_load_explicit(&entry->key, memory_order_relaxed);
    range->base = atomic_load_explicit(&entry->base, memory_order_relaxed);
    extent = atomic_load_explicit(&entry->extent, memory_order_relaxed);
    /* The fields were read before the count is looked at again. */
    shm_doorbell_page_fence();
    range->size = extent >> TABLE_ACCESS_BITS;
    range->access = (unsigned int)(extent & TABLE_ACCESS_MASK);
    return (sequence & 1) == 0 && extent != 0 &&
           atomic_load_explicit(&entry->sequence, memory_order_relaxed) == sequence;
}

static int table_find(const struct table_entry *entries, uint64_t address, uint64_t key, uint64_t size,
                      unsigned int access, uint64_t *base_out)
{
    uint64_t offset = address & TABLE_OFFSET_MASK;
    struct shm_table_range range;
    uint64_t entry_key;

    if (shm_table_entry_of(address) >= SHM_TABLE_ENTRIES ||
        !table_read(&entries[shm_table_entry_of(address)], &entry_key, &range) || entry_key != key ||
        (range.access & access) != access)
        return -EACCES;
    if (offset > range.size || size > range.size - offset)
        return -EFAULT;
    *base_out = range.base + offset;
    return 0;
}

int shm_table_read(struct shm_table *table, uint64_t address, uint64_t key, uint64_t checked, void *to, size_t size)
{
    uint64_t base = 0;
    int error;

    util_lock_take(&table->lock);
    error = table_find(table->entries, address, key, checked, NA_ACCESS_REMOTE_READ, &base);
    if (error == 0)
        memcpy(to, (const void *)(uintptr_t)base, size);
    util_lock_drop(&table->lock);
    return error;
}

int shm_table_write(struct shm_table *table, uint64_t address, uint64_t key, uint64_t checked, const void *from,
                    size_t size)
{
    uint64_t base = 0;
    int error;

    util_lock_take(&table->lock);
    error = table_find(table->entries, address, key, checked, NA_ACCESS_REMOTE_WRITE, &base);
    if (error == 0)
        memcpy((void *)(uintptr_t)base, from, size);
    util_lock_drop(&table->lock);
    return error;
}

int shm_table_view_open(int fd, struct shm_table_view **view_out)
{
    struct shm_table_view *view;
    void *memory = NULL;
    int error = shm_memfd_map(fd, TABLE_BYTES, false, &memory);

    if (error != 0)
        return error;
    view = util_calloc(1, sizeof(*view));
    error = view == NULL ? -ENOMEM : 0;
    if (error == 0) {
        view->entries = memory;
        if (atomic_load_explicit(&view->entries[0].base, memory_order_relaxed) != SHM_TABLE_MAGIC)
            error = -EPROTO;
    }
    if (error != 0) {
        shm_memfd_unmap(memory, TABLE_BYTES);
        util_free(view);
        return error;
    }
    *view_out = view;
    return 0;
}

void shm_table_view_close(struct shm_table_view *view)
{
    if (view == NULL)
        return;
    shm_memfd_unmap((void *)(uintptr_t)view->entries, TABLE_BYTES);
    util_free(view);
}

int shm_table_view_find(const struct shm_table_view *view, uint64_t address, uint64_t key, uint64_t size,
                        unsigned int access, uint64_t *base_out)
{
    return table_find(view->entries, address, key, size, access, base_out);
}
