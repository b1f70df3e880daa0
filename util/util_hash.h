/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A hash map from 64-bit keys to pointers, for RPC tables and ids, and a hash of strings.
 *
 * Open addressing with linear probing in one array that doubles when three quarters full; a
 * removal moves the followers up, so that there are no tombstones and a lookup stays short however
 * many came and went. Lookups are inline. Keys are mixed first: sequential ids are fine.
 *
 * The map owns its array, never the values. Not thread-safe.
 */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

struct util_map_entry {
    uint64_t key;
    void *value; /* NULL: the entry is free */
};

struct util_map {
    struct util_map_entry *entries; /* owned; NULL while nothing was ever put */
    size_t capacity;                /* a power of two, or 0 */
    size_t count;
    size_t max_count;
};

/* Makes an empty map; allocates nothing. max_count 0 means no bound but memory. fini takes NULL
 * and a zeroed map. */
void util_map_init(struct util_map *map, size_t max_count);
void util_map_fini(struct util_map *map);

/* Puts a value, not NULL, under a key: 0, -EEXIST when the key has one already (which stays),
 * -ENOSPC at the bound, -ENOMEM. */
int util_map_put(struct util_map *map, uint64_t key, void *value);

/* Takes a key out and gives its value, or NULL. */
void *util_map_remove(struct util_map *map, uint64_t key);

/* Walks the map: starts with *cursor 0, gives the next value and, if `key` is not NULL, its key;
 * NULL at the end. The map must not change during the walk. */
void *util_map_next(const struct util_map *map, size_t *cursor, uint64_t *key);

/* Spreads the bits of a 64-bit number over the whole result; a bijection. */
static inline uint64_t util_hash_u64(uint64_t key)
{
    key = (key ^ (key >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    key = (key ^ (key >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return key ^ (key >> 32);
}

/* 64-bit FNV-1a of the text, then mixed. Stable: may be put on the wire. */
uint64_t util_hash_string64(const char *text);

/* The same of `size` bytes. */
uint64_t util_hash_bytes64(const void *bytes, size_t size);

/* The value under the key, or NULL. */
static inline void *util_map_get(const struct util_map *map, uint64_t key)
{
    size_t i;

    if (map->count == 0)
        return NULL;
    i = (size_t)util_hash_u64(key) & (map->capacity - 1);
    while (map->entries[i].value != NULL) {
        if (map->entries[i].key == key)
            return map->entries[i].value;
        i = (i + 1) & (map->capacity - 1);
    }
    return NULL;
}

static inline size_t util_map_count(const struct util_map *map)
{
    return map->count;
}

#endif /* UTIL_HASH_H */
