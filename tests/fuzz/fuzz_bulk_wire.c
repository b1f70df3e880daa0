/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzz target: any bytes as a bulk descriptor. What is accepted must be consistent, must describe
 * only what the bytes hold, and must encode again to the bytes it came from, path by path.
 *
 * The owner has no transport: a decoded handle never needs one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bulk/bulk_handle.h"
#include "bulk/bulk_wire.h"
#include "tests/fuzz/fuzz_memory.h"
#include "tests/support/support_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY_FIXED = 4096 }; /* a handle with its paths */

static void check_segments(const struct hg_bulk *handle)
{
    size_t total;

    SUPPORT_CHECK(handle->segment_count > 0);
    SUPPORT_CHECK(bulk_segments_total(bulk_handle_segments(handle), &total) == 0);
    SUPPORT_CHECK(total == handle->size);
    SUPPORT_CHECK(handle->kind == BULK_KIND_REMOTE);
    SUPPORT_CHECK(handle->mems[0] == NULL && handle->mems[1] == NULL && handle->provided == NULL);
}

/* Reads every byte of a path's keys. */
static unsigned int sum_keys(const struct hg_bulk *handle, const struct bulk_path *path)
{
    unsigned int sum = 0;

    for (uint32_t i = 0; path->remotes != NULL && i < handle->segment_count; i++) {
        for (unsigned int j = 0; j < path->key_size; j++)
            sum += path->remotes[i].key[j];
    }
    return sum;
}

/* Reads every byte that the handle says it has. */
static void check_data(const struct hg_bulk *handle)
{
    volatile unsigned char sum = 0;

    for (uint32_t i = 0; handle->has_data && i < handle->segment_count; i++) {
        const unsigned char *base = handle->segments[i].base;

        for (size_t j = 0; j < handle->segments[i].size; j++)
            sum = (unsigned char)(sum + base[j]);
    }
    for (unsigned int t = 0; t < BULK_TRANSPORTS_MAX; t++)
        sum = (unsigned char)(sum + sum_keys(handle, &handle->paths[t]));
    if (handle->bound_address != NULL)
        sum = (unsigned char)(sum + strlen(handle->bound_address));
}

static void check_round_trip(struct bulk_owner *owner, struct hg_bulk *handle)
{
    size_t size = bulk_wire_size(handle, 0);
    uint8_t *bytes = malloc(size);
    struct hg_bulk *again;
    size_t used;

    SUPPORT_CHECK(bytes != NULL);
    SUPPORT_CHECK(bulk_wire_encode(handle, 0, bytes, size, &used) == 0);
    SUPPORT_CHECK(used == size);
    SUPPORT_CHECK(bulk_wire_decode(owner, bytes, size, NULL, &again, NULL) == 0);
    SUPPORT_CHECK(again->size == handle->size);
    SUPPORT_CHECK(again->segment_count == handle->segment_count);
    SUPPORT_CHECK(again->access == handle->access);
    for (unsigned int t = 0; t < BULK_TRANSPORTS_MAX; t++)
        SUPPORT_CHECK(bulk_handle_has_path(again, t) == bulk_handle_has_path(handle, t));
    bulk_handle_unref(again);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bulk_owner owner;
    struct hg_bulk *handle;
    size_t used = 0;
    uint64_t before;
    int error;

    bulk_owner_init(&owner, NULL, NULL);
    before = fuzz_memory_begin();
    error = bulk_wire_decode(&owner, data, size, NULL, &handle, &used);
    fuzz_memory_check(before, size, MEMORY_FIXED);
    if (error == 0) {
        SUPPORT_CHECK(used <= size);
        check_segments(handle);
        check_data(handle);
        check_round_trip(&owner, handle);
        bulk_handle_unref(handle);
    }
    bulk_owner_fini(&owner);
    return 0;
}
