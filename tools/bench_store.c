/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_store.h. A linear search is enough: the number of entries is the number of transfers
 * in flight, and each transfer moves at least a descriptor.
 */
#include "tools/bench_store.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (UINT64_C(8) << 30)
#define PAGE_SIZE 4096U

static void entry_empty(struct bench_store *store, struct bench_store_entry *entry)
{
    if (entry->buf == NULL)
        return;
    if (entry->bulk != HG_BULK_NULL)
        (void)HG_Bulk_free(entry->bulk);
    free(entry->buf);
    store->bytes -= entry->size;
    memset(entry, 0, sizeof(*entry));
}

static bool entry_fill(struct bench_store *store, struct bench_store_entry *entry, hg_size_t size)
{
    if (posix_memalign(&entry->buf, PAGE_SIZE, size) != 0) {
        entry->buf = NULL;
        return false;
    }
    memset(entry->buf, 0, size);
    entry->size = size;
    store->bytes += size;
    if (HG_Bulk_create(store->hg_class, 1, &entry->buf, &size, HG_BULK_READWRITE, &entry->bulk) != HG_SUCCESS) {
        entry->bulk = HG_BULK_NULL;
        entry_empty(store, entry);
        return false;
    }
    return true;
}

bool bench_store_init(struct bench_store *store, hg_class_t *hg_class)
{
    memset(store, 0, sizeof(*store));
    store->hg_class = hg_class;
    store->entries = calloc(BENCH_STORE_ENTRIES, sizeof(*store->entries));
    return store->entries != NULL;
}

void bench_store_fini(struct bench_store *store)
{
    for (unsigned int i = 0; i < store->used_end; i++)
        entry_empty(store, &store->entries[i]);
    free(store->entries);
    store->entries = NULL;
}

/* Gives the memory of all idle entries back: another size is wanted now. */
static void drop_idle(struct bench_store *store)
{
    for (unsigned int i = 0; i < store->used_end; i++)
        if (!store->entries[i].busy)
            entry_empty(store, &store->entries[i]);
}

static struct bench_store_entry *find_empty(struct bench_store *store)
{
    for (unsigned int i = 0; i < BENCH_STORE_ENTRIES; i++) {
        if (store->entries[i].buf == NULL) {
            if (i >= store->used_end)
                store->used_end = i + 1;
            return &store->entries[i];
        }
    }
    return NULL;
}

struct bench_store_entry *bench_store_get(struct bench_store *store, hg_size_t size)
{
    struct bench_store_entry *entry;

    for (unsigned int i = 0; i < store->used_end; i++) {
        entry = &store->entries[i];
        if (!entry->busy && entry->buf != NULL && entry->size == size) {
            entry->busy = true;
            return entry;
        }
    }
    if (store->bytes + size > BYTES_MAX)
        drop_idle(store);
    if (store->bytes + size > BYTES_MAX)
        return NULL;
    entry = find_empty(store);
    if (entry == NULL) {
        drop_idle(store);
        entry = find_empty(store);
    }
    if (entry == NULL || !entry_fill(store, entry, size))
        return NULL;
    entry->busy = true;
    return entry;
}

void bench_store_put(struct bench_store_entry *entry)
{
    entry->handle = HG_HANDLE_NULL;
    entry->busy = false;
}
