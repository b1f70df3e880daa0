/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Bulk handles on the wire: uint64 length of the descriptor (0 for HG_BULK_NULL), then the
 * descriptor, which is the bulk layer's affair. The length is checked against what is there before
 * the bulk layer sees a byte, and the bulk layer gets exactly that many.
 */
#include "mercury_proc_bulk.h"

#include "mercury.h"
#include "mercury_bulk.h"

#include "hg/hg_bulk_api.h"
#include "hg/hg_error.h"
#include "hg/hg_fence.h"

static unsigned long hg_proc_bulk_flags(hg_proc_t proc)
{
    unsigned long flags = 0;

    if ((hg_proc_get_flags(proc) & HG_PROC_SM) != 0)
        flags |= HG_BULK_SM;
    if ((hg_proc_get_flags(proc) & HG_PROC_BULK_EAGER) != 0)
        flags |= HG_BULK_EAGER;
    return flags;
}

static hg_return_t hg_proc_bulk_encode(hg_proc_t proc, hg_bulk_t handle)
{
    unsigned long flags = hg_proc_bulk_flags(proc);
    uint64_t size = handle != HG_BULK_NULL ? HG_Bulk_get_serialize_size(handle, flags) : 0;
    hg_return_t ret = HG_SUCCESS;

    /* Data that rides along must not push the payload out of its message: fetched later, it costs
     * less than a payload that has become too large. */
    if ((flags & HG_BULK_EAGER) != 0 &&
        (proc->extra != NULL || proc->size_left < sizeof(size) || size > proc->size_left - sizeof(size))) {
        flags &= ~(unsigned long)HG_BULK_EAGER;
        size = handle != HG_BULK_NULL ? HG_Bulk_get_serialize_size(handle, flags) : 0;
    }
    if (handle != HG_BULK_NULL && size == 0)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_hg_bulk_t: the bulk handle cannot be described");
    ret = hg_proc_uint64_t(proc, &size);
    if (ret != HG_SUCCESS || size == 0)
        return ret;
    ret = qs_proc_reserve(proc, size);
    if (ret != HG_SUCCESS)
        return ret;
    ret = HG_Bulk_serialize(proc->pos, size, flags, handle);
    if (ret != HG_SUCCESS)
        return ret;
    proc->pos += size;
    proc->size_left -= size;
    if (hg_proc_get_handle(proc) != HG_HANDLE_NULL)
        return hg_error_from(hg_fence_note(hg_proc_get_handle(proc), handle));
    return HG_SUCCESS;
}

static hg_return_t hg_proc_bulk_decode(hg_proc_t proc, hg_bulk_t *handle_p)
{
    hg_bulk_t handle = HG_BULK_NULL;
    uint64_t size = 0;
    hg_return_t ret = hg_proc_uint64_t(proc, &size);

    if (ret != HG_SUCCESS)
        return ret;
    if (size > 0) {
        ret = qs_proc_reserve(proc, size);
        if (ret != HG_SUCCESS)
            return ret;
        ret = HG_Bulk_deserialize(hg_proc_get_class(proc), &handle, proc->pos, size);
        if (ret != HG_SUCCESS)
            return ret;
        if (hg_proc_get_handle(proc) != HG_HANDLE_NULL)
            hg_bulk_api_set_sender(handle, hg_proc_get_handle(proc));
        proc->pos += size;
        proc->size_left -= size;
    }
    *handle_p = handle;
    return HG_SUCCESS;
}

static hg_return_t hg_proc_bulk_free(hg_bulk_t *handle_p)
{
    hg_return_t ret = HG_Bulk_free(*handle_p);

    if (ret == HG_SUCCESS)
        *handle_p = HG_BULK_NULL;
    return ret;
}

hg_return_t hg_proc_hg_bulk_t(hg_proc_t proc, void *data)
{
    hg_bulk_t *handle_p = data;

    if (proc == HG_PROC_NULL || handle_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_hg_bulk_t: no processor or no bulk handle");
    switch (hg_proc_get_op(proc)) {
    case HG_ENCODE:
        return hg_proc_bulk_encode(proc, *handle_p);
    case HG_DECODE:
        return hg_proc_bulk_decode(proc, handle_p);
    case HG_FREE:
        return hg_proc_bulk_free(handle_p);
    default:
        return hg_error_set(HG_INVALID_ARG, "processor: unknown operation %d", (int)hg_proc_get_op(proc));
    }
}
