/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The map's changes: growth, and removal by moving followers up. An entry that follows the freed
 * one in its run may move there unless its own home lies after the freed place.
 */
#include "util/util_hash.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/util_alloc.h"

#define MAP_FIRST_CAPACITY ((size_t)16)

static size_t map_home(const struct util_map *map, uint64_t key)
{
    return (size_t)util_hash_u64(key) & (map->capacity - 1);
}

/* Where the key is, or the free place where it would go. The map has a free place. */
static size_t map_find(const struct util_map *map, uint64_t key)
{
    size_t i = map_home(map, key);

    while (map->entries[i].value != NULL && map->entries[i].key != key)
        i = (i + 1) & (map->capacity - 1);
    return i;
}

void util_map_init(struct util_map *map, size_t max_count)
{
    memset(map, 0, sizeof(*map));
    map->max_count = max_count == 0 ? SIZE_MAX : max_count;
}

void util_map_fini(struct util_map *map)
{
    if (map == NULL)
        return;
    util_free(map->entries);
    map->entries = NULL;
    map->capacity = 0;
    map->count = 0;
}

static int map_grow(struct util_map *map)
{
    struct util_map old = *map;
    size_t capacity = old.capacity == 0 ? MAP_FIRST_CAPACITY : old.capacity * 2;
    struct util_map_entry *entries = util_calloc(capacity, sizeof(*entries));

    if (entries == NULL)
        return -ENOMEM;
    map->entries = entries;
    map->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.entries[i].value != NULL)
            entries[map_find(map, old.entries[i].key)] = old.entries[i];
    }
    util_free(old.entries);
    return 0;
}

int util_map_put(struct util_map *map, uint64_t key, void *value)
{
    size_t i;

    assert(value != NULL);
    if (util_map_get(map, key) != NULL)
        return -EEXIST;
    if (map->count >= map->max_count)
        return -ENOSPC;
    if (map->count >= map->capacity - map->capacity / 4) {
        int rc = map_grow(map);

        if (rc != 0)
            return rc;
    }
    i = map_find(map, key);
    map->entries[i].key = key;
    map->entries[i].value = value;
    map->count++;
    return 0;
}

void *util_map_remove(struct util_map *map, uint64_t key)
{
    size_t mask = map->capacity - 1;
    size_t hole;
    void *value;

    if (map->count == 0)
        return NULL;
    hole = map_find(map, key);
    value = map->entries[hole].value;
    if (value == NULL)
        return NULL;
    for (size_t i = (hole + 1) & mask; map->entries[i].value != NULL; i = (i + 1) & mask) {
        size_t home = map_home(map, map->entries[i].key);

        /* Distances from its home, around the end of the array. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole].value = NULL;
    map->count--;
    return value;
}

void *util_map_next(const struct util_map *map, size_t *cursor, uint64_t *key)
{
    for (size_t i = *cursor; i < map->capacity; i++) {
        if (map->entries[i].value == NULL)
            continue;
        *cursor = i + 1;
        if (key != NULL)
            *key = map->entries[i].key;
        return map->entries[i].value;
    }
    *cursor = map->capacity;
    return NULL;
}

uint64_t util_hash_bytes64(const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return util_hash_u64(hash);
}

uint64_t util_hash_string64(const char *text)
{
    return util_hash_bytes64(text, strlen(text));
}
