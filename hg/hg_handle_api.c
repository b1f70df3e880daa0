/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The public calls on handles that are not about calling: create, destroy, reset, references, data.
 */

#include "hg/hg_addr.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "hg/hg_overflow.h"
#include "mercury.h"

/* Points the handle to a target and an RPC; NULL and 0 leave what it had. Nothing is changed on error. */
static hg_return_t handle_aim(struct hg_handle *handle, hg_addr_t addr, hg_id_t id)
{
    struct hg_rpc *rpc = NULL;

    if (id != 0) {
        rpc = hg_rpc_find(&handle->info.hg_class->rpcs, id);
        if (rpc == NULL)
            return hg_error_set(HG_NOENTRY, "RPC id %#llx is not registered", (unsigned long long)id);
    }
    util_lock_take(&handle->owner->lock);
    hg_handle_drop_received_locked(handle);
    if ((addr != NULL && addr != handle->info.addr) || handle->info.context_id != 0)
        hg_handle_drop_session_locked(handle);
    hg_overflow_free_locked(handle);
    util_lock_drop(&handle->owner->lock);
    if (addr != NULL) {
        hg_addr_ref(addr);
        hg_addr_unref(handle->info.addr);
        handle->info.addr = addr;
    }
    if (rpc != NULL) {
        handle->info.id = id;
        handle->rpc = rpc;
    }
    handle->info.context_id = 0;
    handle->timeout_us = 0;
    handle->ended = false;
    handle->parent_set = false;
    handle->retry.asked_set = false;
    return HG_SUCCESS;
}

hg_return_t HG_Create(hg_context_t *context, hg_addr_t addr, hg_id_t id, hg_handle_t *handle_p)
{
    struct hg_class *hg_class;
    struct hg_handle *handle;
    hg_return_t ret;
    bool fresh;

    if (hg_fork_stops_context(context, "HG_Create"))
        return HG_FAULT;
    if (context == NULL || handle_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Create: a NULL argument");
    hg_class = context->hg_class;
    util_lock_take(&context->lock);
    handle = hg_handle_get_locked(context, false, &fresh);
    util_lock_drop(&context->lock);
    if (handle == NULL)
        return hg_error_set(HG_NOMEM, "HG_Create: no memory for a handle");
    ret = handle_aim(handle, addr, id);
    if (ret == HG_SUCCESS && hg_class->handle_create != NULL)
        ret = hg_class->handle_create(handle, hg_class->handle_create_arg);
    if (ret != HG_SUCCESS) {
        hg_handle_unref(handle);
        return ret;
    }
    *handle_p = handle;
    return HG_SUCCESS;
}

hg_return_t HG_Destroy(hg_handle_t handle)
{
    if (hg_fork_stops_handle(handle, "HG_Destroy"))
        return HG_FAULT;
    if (handle != NULL)
        hg_handle_unref(handle);
    return HG_SUCCESS;
}

hg_return_t HG_Reset(hg_handle_t handle, hg_addr_t addr, hg_id_t id)
{
    if (hg_fork_stops_handle(handle, "HG_Reset"))
        return HG_FAULT;
    if (handle == NULL || handle->target)
        return hg_error_set(HG_INVALID_ARG, "HG_Reset: the handle is NULL or that of a received request");
    if (hg_handle_state(handle) != HG_HANDLE_IDLE)
        return hg_error_set(HG_BUSY, "HG_Reset: the handle is %s", hg_handle_state_text(hg_handle_state(handle)));
    return handle_aim(handle, addr, id);
}

hg_return_t HG_Ref_incr(hg_handle_t hg_handle)
{
    if (hg_fork_stops_handle(hg_handle, "HG_Ref_incr"))
        return HG_FAULT;
    if (hg_handle == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Ref_incr: a NULL argument");
    hg_handle_ref(hg_handle);
    return HG_SUCCESS;
}

/* For Mercury's programs, both ends of a call to oneself are one handle, of which the origin has a reference: Margo
 * acts upon the count that tells it to be the last, and must do so at one end only. */
int32_t HG_Ref_get(hg_handle_t handle)
{
    if (handle == NULL)
        return -1;
    return atomic_load_explicit(&handle->refs, memory_order_relaxed) + (handle->target && handle->to_self);
}

const struct hg_info *HG_Get_info(hg_handle_t handle)
{
    return handle == NULL ? NULL : &handle->info;
}

hg_return_t HG_Set_data(hg_handle_t handle, void *data, void (*free_callback)(void *))
{
    if (handle == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Set_data: a NULL argument");
    hg_user_data_set(&handle->user, data, free_callback);
    return HG_SUCCESS;
}

void *HG_Get_data(hg_handle_t handle)
{
    return handle == NULL ? NULL : handle->user.data;
}

hg_return_t HG_Set_target_id(hg_handle_t handle, uint8_t id)
{
    if (hg_fork_stops_handle(handle, "HG_Set_target_id"))
        return HG_FAULT;
    if (handle == NULL || handle->target)
        return hg_error_set(HG_INVALID_ARG, "HG_Set_target_id: the handle is NULL or that of a received request");
    if (hg_handle_state(handle) != HG_HANDLE_IDLE)
        return hg_error_set(HG_BUSY, "HG_Set_target_id: the handle is %s",
                            hg_handle_state_text(hg_handle_state(handle)));
    if (handle->info.context_id != id) {
        util_lock_take(&handle->owner->lock);
        hg_handle_drop_session_locked(handle); /* sessions are per context of the target */
        util_lock_drop(&handle->owner->lock);
    }
    handle->info.context_id = id;
    return HG_SUCCESS;
}
