/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Digests of bulk data. The checksums of messages do not cover it, since it goes from memory to memory below them; so who
 * wants to be sure says so for a handle, and pays for the passes over the memory.
 */

#include "hg/hg_bulk_digest.h"

#include "bulk/bulk_handle.h"
#include "bulk/bulk_segments.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_proc_crc.h"
#include "quicksilver.h"

uint32_t hg_bulk_digest_of(const struct hg_bulk *handle, size_t offset, size_t size)
{
    struct bulk_segments segments = bulk_handle_segments(handle);
    struct bulk_segments_walk walk;
    struct bulk_segments_piece piece;
    uint64_t state = hg_proc_crc_start(HG_CRC32);

    bulk_segments_walk_init(&walk, segments, offset, segments, offset, size);
    while (bulk_segments_walk_peek(&walk, SIZE_MAX, &piece)) {
        state = hg_proc_crc_update(HG_CRC32, state, piece.local, piece.size);
        bulk_segments_walk_advance(&walk, piece.size);
    }
    return (uint32_t)hg_proc_crc_finish(HG_CRC32, state);
}

bool hg_bulk_digest_applies(const struct hg_bulk *origin, const struct hg_bulk *local, size_t size)
{
    return origin->has_digest && origin->kind == BULK_KIND_REMOTE && size == origin->size &&
           bulk_handle_is_memory(local);
}

/* hg_fork_stops() for what only names a bulk handle. */
static bool digest_stops(const struct hg_bulk *handle, const char *function)
{
    return handle != NULL && hg_fork_stops(handle->owner->user, function);
}

hg_return_t qs_bulk_digest(hg_bulk_t handle, hg_size_t offset, hg_size_t size, uint64_t *digest)
{
    if (digest_stops(handle, "qs_bulk_digest"))
        return HG_FAULT;
    if (handle == HG_BULK_NULL || digest == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_bulk_digest: no %s",
                            digest == NULL ? "place for the digest" : "handle");
    if (!bulk_segments_in_range(handle->size, offset, size))
        return hg_error_set(HG_INVALID_ARG, "qs_bulk_digest: bytes %llu + %llu are outside a handle of %zu bytes",
                            (unsigned long long)offset, (unsigned long long)size, handle->size);
    if (handle->kind == BULK_KIND_REMOTE && !handle->has_data)
        return hg_error_set(HG_INVALID_ARG, "qs_bulk_digest: the memory is in another process");
    if (!bulk_handle_is_memory(handle))
        return hg_error_set(HG_OPNOTSUPPORTED, "qs_bulk_digest: the memory is that of a device");
    *digest = hg_bulk_digest_of(handle, (size_t)offset, (size_t)size);
    return HG_SUCCESS;
}

hg_return_t qs_bulk_set_digest(hg_bulk_t handle)
{
    if (digest_stops(handle, "qs_bulk_set_digest"))
        return HG_FAULT;
    if (handle == HG_BULK_NULL || handle->kind != BULK_KIND_LOCAL)
        return hg_error_set(HG_INVALID_ARG, "qs_bulk_set_digest: %s",
                            handle == HG_BULK_NULL ? "no handle" : "the memory is in another process");
    if (handle->access != BULK_ACCESS_READ)
        return hg_error_set(HG_PERMISSION, "qs_bulk_set_digest: peers may write to the memory (flags %u)",
                            handle->access);
    if (!bulk_handle_is_memory(handle))
        return hg_error_set(HG_OPNOTSUPPORTED, "qs_bulk_set_digest: the memory is that of a device");
    handle->digest = hg_bulk_digest_of(handle, 0, handle->size);
    handle->has_digest = true;
    return HG_SUCCESS;
}

hg_return_t qs_bulk_get_digest(hg_bulk_t handle, uint64_t *digest)
{
    if (digest_stops(handle, "qs_bulk_get_digest"))
        return HG_FAULT;
    if (handle == HG_BULK_NULL || digest == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_bulk_get_digest: no %s",
                            digest == NULL ? "place for the digest" : "handle");
    if (!handle->has_digest)
        return hg_error_set(HG_NOENTRY, "qs_bulk_get_digest: the handle carries no digest");
    *digest = handle->digest;
    return HG_SUCCESS;
}
