/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Bulk handles under their public names. Everything is done by bulk/; this file checks arguments and
 * turns error codes. Any thread may call any function; none needs a context's lock.
 * Transfers are in hg_bulk_transfer.c.
 */

#include <stdatomic.h>

#include "bulk/bulk_handle.h"
#include "bulk/bulk_wire.h"
#include "hg/hg_addr.h"
#include "hg/hg_bulk_api.h"
#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "mercury_bulk.h"

_Static_assert(HG_BULK_READ_ONLY == (int)BULK_ACCESS_READ, "public flags are those of the bulk layer");
_Static_assert(HG_BULK_WRITE_ONLY == (int)BULK_ACCESS_WRITE, "public flags are those of the bulk layer");
_Static_assert((int)HG_MEM_TYPE_HOST == (int)NA_MEM_HOST, "memory kinds are those of the transport");
_Static_assert((int)HG_MEM_TYPE_CUDA == (int)NA_MEM_CUDA, "memory kinds are those of the transport");
_Static_assert((int)HG_MEM_TYPE_ROCM == (int)NA_MEM_ROCM, "memory kinds are those of the transport");
_Static_assert((int)HG_MEM_TYPE_ZE == (int)NA_MEM_ZE, "memory kinds are those of the transport");

static struct hg_class *bulk_class(const struct hg_bulk *handle)
{
    return handle->owner->user;
}

/* The last reference to a handle that the user was given is gone. Its user word is the address that it is bound to. */
static void bulk_released(struct hg_bulk *handle)
{
    hg_addr_unref((struct hg_addr *)atomic_load_explicit(&handle->user, memory_order_relaxed));
    hg_addr_unref(handle->sender.addr);
}

/* hg_fork_stops() for what only names a bulk handle. */
static bool bulk_api_stops(const struct hg_bulk *handle, const char *function)
{
    return handle != NULL && hg_fork_stops(handle->owner->user, function);
}

hg_return_t HG_Bulk_create(hg_class_t *hg_class, uint32_t count, void **buf_ptrs, const hg_size_t *buf_sizes,
                           uint8_t flags, hg_bulk_t *handle)
{
    const struct hg_bulk_attr host = {.mem_type = HG_MEM_TYPE_HOST};

    if (hg_fork_stops(hg_class, "HG_Bulk_create"))
        return HG_FAULT;
    return HG_Bulk_create_attr(hg_class, count, buf_ptrs, buf_sizes, flags, &host, handle);
}

hg_return_t HG_Bulk_create_attr(hg_class_t *hg_class, uint32_t count, void **buf_ptrs, const hg_size_t *buf_sizes,
                                uint8_t flags, const struct hg_bulk_attr *attrs, hg_bulk_t *handle)
{
    struct bulk_handle_args args = {
        .count = count,
        .bases = buf_ptrs,
        .sizes = buf_sizes,
        .access = flags,
        .released = bulk_released,
    };

    if (hg_fork_stops(hg_class, "HG_Bulk_create_attr"))
        return HG_FAULT;
    if (hg_class == NULL || handle == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_create: no %s",
                            hg_class == NULL ? "class" : "place for the handle");
    if (attrs != NULL && (unsigned int)attrs->mem_type >= (unsigned int)HG_MEM_TYPE_MAX)
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_create_attr: there is no memory type %d", (int)attrs->mem_type);
    args.owner = &hg_class->bulks;
    if (attrs != NULL) {
        args.mem_kind = (enum na_mem_kind)attrs->mem_type;
        args.device = attrs->device;
    }
    return hg_error_from(bulk_handle_create(&args, handle));
}

hg_return_t HG_Bulk_free(hg_bulk_t handle)
{
    if (bulk_api_stops(handle, "HG_Bulk_free"))
        return HG_FAULT;
    bulk_handle_unref(handle);
    return HG_SUCCESS;
}

hg_return_t HG_Bulk_ref_incr(hg_bulk_t handle)
{
    if (bulk_api_stops(handle, "HG_Bulk_ref_incr"))
        return HG_FAULT;
    if (handle == HG_BULK_NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_ref_incr: no handle");
    bulk_handle_ref(handle);
    return HG_SUCCESS;
}

/* --- where the owner is ---------------------------------------------------------------------------------- */

hg_return_t HG_Bulk_bind(hg_bulk_t handle, hg_context_t *context)
{
    struct hg_addr *self;
    int error;

    if (hg_fork_stops_context(context, "HG_Bulk_bind"))
        return HG_FAULT;
    if (handle == HG_BULK_NULL || context == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_bind: no %s", context == NULL ? "context" : "handle");
    if (handle->owner != &context->hg_class->bulks)
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_bind: the handle and the context are of two classes");
    self = context->hg_class->self;
    error = bulk_handle_bind(handle, self->text, context->id);
    if (error != 0)
        return hg_error_from(error);
    hg_addr_ref(self);
    /* Release: whoever finds the address here finds it whole. */
    atomic_store_explicit(&handle->user, (uintptr_t)self, memory_order_release);
    return HG_SUCCESS;
}

/* The address is made when it is first asked for: most descriptors are never looked at this way. */
hg_addr_t HG_Bulk_get_addr(hg_bulk_t handle)
{
    struct hg_addr *addr;
    uintptr_t known;

    if (handle == HG_BULK_NULL || !bulk_handle_is_bound(handle))
        return HG_ADDR_NULL;
    known = atomic_load_explicit(&handle->user, memory_order_acquire);
    if (known != 0)
        return (hg_addr_t)known;
    addr = hg_addr_intern(bulk_class(handle), handle->bound_address);
    if (addr == NULL)
        return HG_ADDR_NULL;
    /* Of two threads that get here, one stores its reference and the other gives its own back. */
    if (atomic_compare_exchange_strong_explicit(&handle->user, &known, (uintptr_t)addr, memory_order_acq_rel,
                                                memory_order_acquire))
        return addr;
    hg_addr_unref(addr);
    return (hg_addr_t)known;
}

uint8_t HG_Bulk_get_context_id(hg_bulk_t handle)
{
    return handle == HG_BULK_NULL ? 0 : handle->bound_context;
}

void hg_bulk_api_set_sender(hg_bulk_t bulk, struct hg_handle *handle)
{
    const struct hg_nested *call = &handle->parent; /* constant while the request runs */

    /* A handle of our own may be in use by other threads, and has no sender. */
    if (bulk == HG_BULK_NULL || bulk->kind != BULK_KIND_REMOTE)
        return;
    bulk->sender_context = handle->info.context_id;
    hg_addr_ref(handle->info.addr);
    bulk->sender.addr = handle->info.addr;
    if (!handle->target || handle->to_self)
        return;
    bulk->sender.context = call->context;
    bulk->sender.session_index = call->session_index;
    bulk->sender.session_key = call->session_key;
    bulk->sender.tag = call->tag;
    bulk->sender.origin_context = call->origin_context;
}

/* --- access ------------------------------------------------------------------------------------------------ */

hg_return_t HG_Bulk_access(hg_bulk_t handle, hg_size_t offset, hg_size_t size, uint8_t flags, uint32_t max_count,
                           void **buf_ptrs, hg_size_t *buf_sizes, uint32_t *actual_count)
{
    /* The flags bind peers, not the process that has the memory; programs pass whatever they like here. */
    (void)flags;
    if (handle == HG_BULK_NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_access: no handle");
    return hg_error_from(bulk_handle_access(handle, offset, size, max_count, buf_ptrs, buf_sizes, actual_count));
}

hg_size_t HG_Bulk_get_size(hg_bulk_t handle)
{
    return handle == HG_BULK_NULL ? 0 : handle->size;
}

uint32_t HG_Bulk_get_segment_count(hg_bulk_t handle)
{
    return handle == HG_BULK_NULL ? 0 : handle->segment_count;
}

uint8_t HG_Bulk_get_flags(hg_bulk_t handle)
{
    return handle == HG_BULK_NULL ? 0 : handle->access;
}

/* --- descriptors --------------------------------------------------------------------------------------------- */

/* How much data may ride inside: what a message of the class could carry. */
static size_t bulk_data_max(const struct hg_bulk *handle, unsigned long flags)
{
    return (flags & HG_BULK_EAGER) != 0 ? bulk_class(handle)->eager_size[0] : 0;
}

hg_size_t HG_Bulk_get_serialize_size(hg_bulk_t handle, unsigned long flags)
{
    return handle == HG_BULK_NULL ? 0 : bulk_wire_size(handle, bulk_data_max(handle, flags));
}

hg_return_t HG_Bulk_serialize(void *buf, hg_size_t buf_size, unsigned long flags, hg_bulk_t handle)
{
    if (bulk_api_stops(handle, "HG_Bulk_serialize"))
        return HG_FAULT;
    if (buf == NULL || handle == HG_BULK_NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_serialize: no %s", buf == NULL ? "buffer" : "handle");
    return hg_error_from(bulk_wire_encode(handle, bulk_data_max(handle, flags), buf, buf_size, NULL));
}

hg_return_t HG_Bulk_deserialize(hg_class_t *hg_class, hg_bulk_t *handle, const void *buf, hg_size_t buf_size)
{
    if (hg_fork_stops(hg_class, "HG_Bulk_deserialize"))
        return HG_FAULT;
    if (hg_class == NULL || handle == NULL || buf == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_deserialize: a NULL argument");
    return hg_error_from(bulk_wire_decode(&hg_class->bulks, buf, buf_size, bulk_released, handle, NULL));
}
