/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Making, sharing and freeing bulk handles: see bulk_handle.h for the contract.
 *
 * Registration happens at creation, so that what the transport refuses (memory that cannot be
 * pinned, device memory) is an error of HG_Bulk_create and not of a transfer much later. What has
 * to be freed is decided by fields that only this file sets, never by anything from the wire.
 */
#include "bulk/bulk_handle.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "util/util_alloc.h"
#include "util/util_detail.h"
#include "util/util_log.h"

/* Memory that the library provides starts on a cache line of its own, per segment. */
#define BULK_HANDLE_ALIGNMENT ((size_t)64)

static int bulk_handle_check(const struct bulk_handle_args *args)
{
    if (args->count == 0 || args->count > BULK_SEGMENTS_MAX)
        return util_detail_set(-EINVAL, "a bulk handle has 1 to %" PRIu32 " segments, not %" PRIu32, BULK_SEGMENTS_MAX,
                               args->count);
    if (args->sizes == NULL)
        return util_detail_set(-EINVAL, "the sizes of the segments are missing");
    if (args->access == 0 || (args->access & ~BULK_ACCESS_ALL) != 0)
        return util_detail_set(-EINVAL, "bulk flags are read-only (1), write-only (2) or both (3), not %#x",
                               args->access);
    return 0;
}

/* Allocates a handle with `extra` bytes behind its segment list. */
static struct hg_bulk *bulk_handle_alloc(struct bulk_owner *owner, uint32_t count, size_t extra)
{
    size_t list_size = (size_t)count * sizeof(struct na_segment);
    struct hg_bulk *handle = util_calloc(1, sizeof(*handle) + list_size + extra);

    if (handle == NULL)
        return NULL;
    handle->owner = owner;
    handle->segments = (struct na_segment *)(void *)(handle + 1);
    handle->segment_count = count;
    util_list_init(&handle->freed_link);
    atomic_init(&handle->user, 0);
    atomic_init(&handle->refs, 1);
    /* Relaxed: the count is only compared with zero, by a thread that has seen all frees. */
    atomic_fetch_add_explicit(&owner->handle_count, 1, memory_order_relaxed);
    return handle;
}

static void bulk_handle_deregister(struct hg_bulk *handle)
{
    for (uint32_t i = 0; i < BULK_TRANSPORTS_MAX; i++) {
        na_mem_deregister(handle->mems[i]);
        handle->mems[i] = NULL;
    }
}

void bulk_handle_dispose(struct hg_bulk *handle)
{
    bulk_handle_deregister(handle);
    util_free(handle->provided);
    util_free(handle->bound_address);
    util_free(handle);
}

/* The handle is open no more. */
static void bulk_handle_uncount(struct bulk_owner *owner)
{
    /* Release: pairs with the load of bulk_owner_handle_count, before the class goes. */
    atomic_fetch_sub_explicit(&owner->handle_count, 1, memory_order_release);
}

static void bulk_handle_free(struct hg_bulk *handle)
{
    struct bulk_owner *owner = handle->owner;

    bulk_handle_dispose(handle);
    bulk_handle_uncount(owner);
}

/* The room for one segment that the library provides. */
static size_t bulk_handle_rounded(size_t size)
{
    return (size + BULK_HANDLE_ALIGNMENT - 1) & ~(BULK_HANDLE_ALIGNMENT - 1);
}

/* Copies the caller's segments and says how much memory the missing ones need. */
static int bulk_handle_set_segments(struct hg_bulk *handle, const struct bulk_handle_args *args, size_t *missing)
{
    size_t sum = 0;

    for (uint32_t i = 0; i < args->count; i++) {
        if (args->sizes[i] > SIZE_MAX - BULK_HANDLE_ALIGNMENT)
            return util_detail_set(-EOVERFLOW, "segment %" PRIu32 " of %" PRIu64 " bytes is too large", i,
                                   args->sizes[i]);
        handle->segments[i].size = (size_t)args->sizes[i];
        handle->segments[i].base = args->bases == NULL ? NULL : args->bases[i];
        handle->borrows = handle->borrows || (handle->segments[i].base != NULL && handle->segments[i].size > 0);
        if (handle->segments[i].base == NULL &&
            __builtin_add_overflow(sum, bulk_handle_rounded(handle->segments[i].size), &sum))
            return util_detail_set(-EOVERFLOW, "the segments add up to more than memory has");
    }
    if (bulk_segments_total(bulk_handle_segments(handle), &handle->size) != 0)
        return util_detail_set(-EOVERFLOW, "the segments add up to more than memory has");
    *missing = sum;
    return 0;
}

/* Provides zeroed memory for the segments that have none. */
static int bulk_handle_provide(struct hg_bulk *handle, size_t missing)
{
    char *next;

    if (missing == 0)
        return 0;
    if (handle->mem_kind != NA_MEM_HOST)
        return util_detail_set(-EINVAL, "the library allocates host memory only, not on a device");
    if (missing > SIZE_MAX - BULK_HANDLE_ALIGNMENT)
        return util_detail_set(-EOVERFLOW, "the segments add up to more than memory has");
    /* calloc, for it gets large blocks zeroed from the kernel without touching them. */
    handle->provided = util_calloc(1, missing + BULK_HANDLE_ALIGNMENT);
    if (handle->provided == NULL)
        return util_detail_set(-ENOMEM, "no memory for a bulk handle of %zu bytes", handle->size);
    next = (char *)handle->provided;
    next += bulk_handle_rounded((uintptr_t)next) - (uintptr_t)next;
    for (uint32_t i = 0; i < handle->segment_count; i++) {
        if (handle->segments[i].base != NULL || handle->segments[i].size == 0)
            continue;
        handle->segments[i].base = next;
        next += bulk_handle_rounded(handle->segments[i].size);
    }
    return 0;
}

/* The class's own transport must take the memory; what shared memory declines goes the other way. */
static int bulk_handle_register(struct hg_bulk *handle)
{
    const struct bulk_owner *owner = handle->owner;
    unsigned int access = NA_ACCESS_LOCAL;
    int ret = 0;

    if (!handle->local_only && (handle->access & BULK_ACCESS_READ) != 0)
        access |= NA_ACCESS_REMOTE_READ;
    if (!handle->local_only && (handle->access & BULK_ACCESS_WRITE) != 0)
        access |= NA_ACCESS_REMOTE_WRITE;
    for (uint32_t i = owner->transport_count; i-- > 0;)
        ret = na_mem_register(owner->na_classes[i], handle->segments, handle->segment_count, access,
                              (enum na_mem_kind)handle->mem_kind, handle->device, &handle->mems[i]);
    if (ret != 0)
        util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_BULK,
                         "memory of %zu bytes in %" PRIu32 " segments cannot be registered: %s", handle->size,
                         handle->segment_count, util_detail_get());
    return ret;
}

int bulk_handle_create(const struct bulk_handle_args *args, struct hg_bulk **out)
{
    struct hg_bulk *handle;
    size_t missing = 0;
    int ret = bulk_handle_check(args);

    if (ret != 0)
        return ret;
    handle = bulk_handle_alloc(args->owner, args->count, 0);
    if (handle == NULL)
        return util_detail_set(-ENOMEM, "no memory for a bulk handle");
    handle->kind = BULK_KIND_LOCAL;
    handle->access = (uint8_t)args->access;
    handle->mem_kind = (uint8_t)args->mem_kind;
    handle->device = args->device;
    handle->local_only = args->local_only;
    handle->released = args->released;
    ret = bulk_handle_set_segments(handle, args, &missing);
    if (ret == 0)
        ret = bulk_handle_provide(handle, missing);
    if (ret == 0)
        ret = bulk_handle_register(handle);
    if (ret != 0) {
        bulk_handle_free(handle);
        return ret;
    }
    *out = handle;
    return 0;
}

int bulk_handle_wrap(struct bulk_owner *owner, void *base, size_t size, unsigned int access, bool local_only,
                     struct hg_bulk **out)
{
    uint64_t wide_size = size;
    struct bulk_handle_args args = {
        .owner = owner,
        .count = 1,
        .bases = &base,
        .sizes = &wide_size,
        .access = access,
        .local_only = local_only,
    };

    return bulk_handle_create(&args, out);
}

/* Places the keys of one path, which has its remotes already; gives where they end. */
static unsigned char *bulk_handle_lay_out_keys(struct bulk_path *path, uint32_t count, unsigned char *next)
{
    for (uint32_t i = 0; i < count; i++)
        path->remotes[i].key = next + (size_t)i * path->key_size;
    return next + (size_t)count * path->key_size;
}

/* Lays out what follows the segments of a remote handle: remotes of each path, data, keys; the data before
 * the keys, so that it is aligned for whoever reads numbers from it. */
static void bulk_handle_lay_out(struct hg_bulk *handle, const struct bulk_remote_args *args,
                                uint8_t *keys[BULK_TRANSPORTS_MAX], void **data)
{
    struct bulk_remote *remotes = (struct bulk_remote *)(void *)(handle->segments + args->count);
    unsigned char *next;

    for (unsigned int i = 0; i < BULK_TRANSPORTS_MAX; i++) {
        if (args->key_sizes[i] == 0)
            continue;
        handle->paths[i] = (struct bulk_path){.remotes = remotes, .key_size = args->key_sizes[i]};
        remotes += args->count;
    }
    next = (unsigned char *)remotes;
    *data = args->has_data ? next : NULL;
    next += args->data_size;
    for (unsigned int i = 0; i < BULK_TRANSPORTS_MAX; i++) {
        keys[i] = args->key_sizes[i] > 0 ? next : NULL;
        if (args->key_sizes[i] > 0)
            next = bulk_handle_lay_out_keys(&handle->paths[i], args->count, next);
    }
}

int bulk_handle_create_remote(const struct bulk_remote_args *args, uint8_t *keys[BULK_TRANSPORTS_MAX], void **data,
                              struct hg_bulk **out)
{
    size_t per_segment = 0;
    size_t extra;
    struct hg_bulk *handle;

    for (unsigned int i = 0; i < BULK_TRANSPORTS_MAX; i++)
        per_segment += args->key_sizes[i] > 0 ? sizeof(struct bulk_remote) + args->key_sizes[i] : 0;
    extra = (size_t)args->count * per_segment + args->data_size;
    assert(args->count > 0 && args->count <= BULK_SEGMENTS_MAX);
    assert(args->has_data || args->data_size == 0);
    handle = bulk_handle_alloc(args->owner, args->count, extra);
    if (handle == NULL)
        return util_detail_set(-ENOMEM, "no memory for a bulk handle of %" PRIu32 " segments", args->count);
    handle->kind = BULK_KIND_REMOTE;
    handle->has_data = args->has_data;
    handle->released = args->released;
    if (args->bound_length > 0) {
        handle->bound_address = util_calloc(1, args->bound_length + 1);
        if (handle->bound_address == NULL) {
            bulk_handle_free(handle);
            return util_detail_set(-ENOMEM, "no memory for the address of a bulk handle");
        }
    }
    bulk_handle_lay_out(handle, args, keys, data);
    *out = handle;
    return 0;
}

void bulk_handle_ref(struct hg_bulk *handle)
{
    unsigned int before;

    /* Relaxed: the caller has a reference already, which orders whatever it knows. */
    before = atomic_fetch_add_explicit(&handle->refs, 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
}

bool bulk_handle_ref_if_alive(struct hg_bulk *handle)
{
    unsigned int refs = atomic_load_explicit(&handle->refs, memory_order_relaxed);

    /* Relaxed: the owner's lock orders this against the last unref, which only matters at zero. */
    while (refs > 0) {
        if (atomic_compare_exchange_weak_explicit(&handle->refs, &refs, refs + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    }
    return false;
}

void bulk_handle_unref(struct hg_bulk *handle)
{
    struct bulk_owner *owner;
    unsigned int before;
    bool held = false;

    if (handle == NULL)
        return;
    /* Acquire and release: what other holders did is done before the last one frees. */
    before = atomic_fetch_sub_explicit(&handle->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    owner = handle->owner;
    if (handle->kind == BULK_KIND_LOCAL)
        held = bulk_owner_forget(owner, handle);
    if (handle->released != NULL)
        handle->released(handle);
    /* Memory of the library's own stays as it is, so that the peer finds what it was shown, and does no harm. */
    if (handle->borrows)
        bulk_handle_deregister(handle);
    if (held && bulk_owner_keep(owner, handle))
        bulk_handle_uncount(owner);
    else
        bulk_handle_free(handle);
}

int bulk_handle_access(const struct hg_bulk *handle, uint64_t offset, uint64_t size, uint32_t max_count, void **bases,
                       uint64_t *sizes, uint32_t *count)
{
    struct bulk_segments segments = bulk_handle_segments(handle);
    struct bulk_segments_walk walk;
    struct bulk_segments_piece piece;
    uint32_t found = 0;

    if (count != NULL)
        *count = 0;
    if (!bulk_segments_in_range(handle->size, offset, size))
        return util_detail_set(-EINVAL, "bytes %" PRIu64 " + %" PRIu64 " are outside a handle of %zu bytes", offset,
                               size, handle->size);
    if (handle->kind == BULK_KIND_REMOTE && !handle->has_data)
        return util_detail_set(-EINVAL, "the memory behind this bulk handle is in another process");
    bulk_segments_walk_init(&walk, segments, (size_t)offset, segments, (size_t)offset, (size_t)size);
    while (found < max_count && bulk_segments_walk_peek(&walk, SIZE_MAX, &piece)) {
        if (bases != NULL)
            bases[found] = piece.local;
        if (sizes != NULL)
            sizes[found] = piece.size;
        found++;
        bulk_segments_walk_advance(&walk, piece.size);
    }
    if (count != NULL)
        *count = found;
    return 0;
}

int bulk_handle_bind(struct hg_bulk *handle, const char *address, uint8_t context)
{
    if (handle->kind != BULK_KIND_LOCAL || handle->local_only)
        return util_detail_set(-EINVAL, "only the owner of the memory can bind its bulk handle");
    if (handle->bound_address != NULL)
        return util_detail_set(-EINVAL, "the bulk handle is bound to %s already", handle->bound_address);
    if (address[0] == '\0' || strlen(address) >= NA_ADDRESS_MAX)
        return util_detail_set(-EINVAL, "an address of %zu characters cannot be bound", strlen(address));
    handle->bound_address = util_strdup(address);
    if (handle->bound_address == NULL)
        return util_detail_set(-ENOMEM, "no memory for the address of a bulk handle");
    handle->bound_context = context;
    return 0;
}
