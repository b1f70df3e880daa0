/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Encoding and decoding of inputs and outputs with the procs of the RPC. The handle keeps one buffer of
 * the eager size for what it encodes; a payload that does not fit continues in the proc's extra buffer, which
 * the handle then owns until the payload has left.
 */

#include "hg/hg_payload.h"

#include "hg/hg_error.h"
#include "hg/hg_fence.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "hg/hg_overflow.h"
#include "hg/hg_procs.h"
#include "util/util_alloc.h"

static unsigned int payload_index(hg_op_t which)
{
    return which == HG_OUTPUT;
}

static hg_proc_cb_t payload_proc(const struct hg_handle *handle, hg_op_t which)
{
    if (handle->rpc == NULL)
        return NULL;
    return which == HG_INPUT ? atomic_load_explicit(&handle->rpc->in_proc, memory_order_relaxed)
                             : atomic_load_explicit(&handle->rpc->out_proc, memory_order_relaxed);
}

static void payload_init_proc(struct hg_proc *proc, struct hg_handle *handle, void *buf, size_t size, hg_proc_op_t op)
{
    hg_procs_init(proc, handle->info.hg_class, buf, size, op);
    hg_proc_set_handle(proc, handle);
    if (!handle->info.hg_class->options.no_bulk_eager)
        hg_proc_set_flags(proc, HG_PROC_BULK_EAGER);
}

hg_return_t hg_payload_reserve(struct hg_handle *handle)
{
    struct hg_handle_encoded *encoded = &handle->encoded;
    size_t size = handle->info.hg_class->eager_size[handle->target ? 1 : 0];

    if (encoded->buf != NULL)
        return HG_SUCCESS;
    encoded->buf = util_malloc(size);
    if (encoded->buf == NULL)
        return hg_error_set(HG_NOMEM, "no memory for a buffer of %zu bytes", size);
    encoded->buf_size = size;
    return HG_SUCCESS;
}

void hg_payload_drop_extra(struct hg_handle *handle)
{
    util_free(handle->encoded.extra);
    handle->encoded.extra = NULL;
    handle->encoded.extra_size = 0;
}

/* Runs the proc; on success the sizes say where the bytes are. */
static hg_return_t payload_run_encode(struct hg_handle *handle, hg_proc_cb_t encode, void *data, size_t offset)
{
    struct hg_handle_encoded *encoded = &handle->encoded;
    struct hg_proc proc;
    hg_size_t extra_size = 0;
    hg_return_t ret;

    payload_init_proc(&proc, handle, encoded->buf + offset, encoded->buf_size - offset, HG_ENCODE);
    if (handle->info.hg_class->options.no_overflow)
        hg_procs_limit(&proc, 0);
    ret = encode(&proc, data);
    if (ret == HG_SUCCESS)
        ret = hg_procs_flush(&proc);
    if (ret == HG_SUCCESS) {
        encoded->extra = hg_procs_take_extra(&proc, &extra_size);
        encoded->extra_size = extra_size;
        encoded->size = encoded->extra != NULL ? offset : offset + hg_proc_get_size_used(&proc);
    }
    hg_procs_end(&proc);
    return ret;
}

hg_return_t hg_payload_encode(struct hg_handle *handle, hg_op_t which, void *data)
{
    struct hg_handle_encoded *encoded = &handle->encoded;
    size_t offset = handle->info.hg_class->user_offset[payload_index(which)];
    hg_proc_cb_t encode = payload_proc(handle, which);
    hg_return_t ret = hg_payload_reserve(handle);

    if (ret != HG_SUCCESS)
        return ret;
    if (encoded->extra != NULL)
        hg_payload_drop_extra(handle);
    if (handle->fence != NULL)
        hg_fence_forget(handle);
    encoded->sent = 0;
    encoded->size = offset;
    if (encode == NULL || data == NULL)
        return HG_SUCCESS;
    return payload_run_encode(handle, encode, data, offset);
}

hg_return_t hg_payload_decode(struct hg_handle *handle, hg_op_t which, void *data)
{
    size_t offset = handle->info.hg_class->user_offset[payload_index(which)];
    hg_proc_cb_t decode = payload_proc(handle, which);
    struct hg_proc proc;
    hg_return_t ret;

    if (decode == NULL)
        return HG_SUCCESS;
    if (handle->received.size < offset)
        return hg_error_set(HG_OVERFLOW, "the payload has %zu bytes, fewer than the %zu of the offset",
                            handle->received.size, offset);
    payload_init_proc(&proc, handle, handle->received.buf + offset, handle->received.size - offset, HG_DECODE);
    ret = decode(&proc, data);
    if (ret == HG_SUCCESS)
        ret = hg_procs_flush(&proc);
    hg_procs_end(&proc);
    return ret;
}

hg_return_t hg_payload_free(struct hg_handle *handle, hg_op_t which, void *data)
{
    hg_proc_cb_t release = payload_proc(handle, which);
    struct hg_proc proc;
    hg_return_t ret;

    if (release == NULL)
        return HG_SUCCESS;
    payload_init_proc(&proc, handle, NULL, 0, HG_FREE);
    ret = release(&proc, data);
    hg_procs_end(&proc);
    return ret;
}

struct hg_outbox_payload hg_payload_slice(const struct hg_outbox_payload *payload, size_t offset, size_t size)
{
    struct hg_outbox_payload slice = {0};
    size_t from_head = 0;

    if (offset < payload->head_size) {
        from_head = payload->head_size - offset;
        if (from_head > size)
            from_head = size;
        slice.head = (const unsigned char *)payload->head + offset;
        slice.head_size = from_head;
    }
    if (from_head < size) {
        slice.tail = (const unsigned char *)payload->tail + (offset + from_head - payload->head_size);
        slice.tail_size = size - from_head;
    }
    return slice;
}

/* --- public calls -------------------------------------------------------------------------------- */

static hg_return_t payload_get(hg_handle_t handle, hg_op_t which, void *data)
{
    hg_return_t ret;

    if (hg_fork_stops_handle(handle, which == HG_INPUT ? "HG_Get_input" : "HG_Get_output"))
        return HG_FAULT;
    if (handle == NULL || data == NULL || handle->target != (which == HG_INPUT))
        return hg_error_set(HG_INVALID_ARG, "HG_Get_%s: a NULL argument, or not the side that receives it",
                            which == HG_INPUT ? "input" : "output");
    if (handle->received.buf == NULL && payload_proc(handle, which) != NULL)
        return hg_error_set(HG_FAULT, "HG_Get_%s: the handle holds no %s (none arrived, or it was released)",
                            which == HG_INPUT ? "input" : "output", which == HG_INPUT ? "input" : "output");
    ret = hg_payload_decode(handle, which, data);
    if (ret != HG_SUCCESS)
        return ret;
    hg_handle_ref(handle);
    if (which == HG_INPUT && handle->info.hg_class->options.release_input_early)
        (void)HG_Release_input_buf(handle);
    return HG_SUCCESS;
}

static hg_return_t payload_put(hg_handle_t handle, hg_op_t which, void *data)
{
    const char *function = which == HG_INPUT ? "HG_Free_input" : "HG_Free_output";
    hg_return_t ret;

    if (hg_fork_stops_handle(handle, function))
        return HG_FAULT;
    if (handle == NULL || data == NULL)
        return hg_error_set(HG_INVALID_ARG, "%s: a NULL argument", function);
    ret = hg_payload_free(handle, which, data);
    hg_handle_unref(handle);
    return ret;
}

hg_return_t HG_Get_input(hg_handle_t handle, void *in_struct)
{
    return payload_get(handle, HG_INPUT, in_struct);
}

hg_return_t HG_Free_input(hg_handle_t handle, void *in_struct)
{
    return payload_put(handle, HG_INPUT, in_struct);
}

hg_return_t HG_Get_output(hg_handle_t handle, void *out_struct)
{
    if (handle != NULL && !handle->target && handle->ret != HG_SUCCESS)
        return hg_error_set(HG_INVALID_ARG, "HG_Get_output: the call ended with %s", HG_Error_to_string(handle->ret));
    return payload_get(handle, HG_OUTPUT, out_struct);
}

hg_return_t HG_Free_output(hg_handle_t handle, void *out_struct)
{
    return payload_put(handle, HG_OUTPUT, out_struct);
}

/* Bytes of the payload in the message itself, the user's own space among them. */
static hg_size_t payload_message_size(hg_handle_t handle, hg_op_t which)
{
    return handle != NULL && handle->target == (which == HG_INPUT) ? handle->received.eager_size : 0;
}

hg_size_t HG_Get_input_payload_size(hg_handle_t handle)
{
    return payload_message_size(handle, HG_INPUT);
}

hg_size_t HG_Get_output_payload_size(hg_handle_t handle)
{
    return payload_message_size(handle, HG_OUTPUT);
}

/* The user gets the buffer of the answer, and may write there when that has been given already: then it is kept elsewhere. */
static void payload_show(struct hg_handle *handle)
{
    util_lock_take(&handle->owner->lock);
    handle->encoded.shown = true;
    hg_handle_save_answer_locked(handle);
    util_lock_drop(&handle->owner->lock);
}

/* The raw buffer: where the side that encodes may put its own bytes, or what the other side received. */
static hg_return_t payload_raw(hg_handle_t handle, hg_op_t which, void **buf_p, hg_size_t *size_p)
{
    const char *function = which == HG_INPUT ? "HG_Get_input_buf" : "HG_Get_output_buf";
    bool receives;
    hg_return_t ret;

    if (hg_fork_stops_handle(handle, function))
        return HG_FAULT;
    if (handle == NULL || buf_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "%s: a NULL argument", function);
    receives = handle->target == (which == HG_INPUT);
    if (receives && handle->received.released)
        return hg_error_set(HG_FAULT, "%s: the buffer was released", function);
    if (receives) {
        *buf_p = handle->received.buf;
        if (size_p != NULL)
            *size_p = handle->received.eager_size;
        return HG_SUCCESS;
    }
    ret = hg_payload_reserve(handle);
    if (ret != HG_SUCCESS)
        return ret;
    if (handle->target)
        payload_show(handle);
    *buf_p = handle->encoded.buf;
    if (size_p != NULL)
        *size_p = handle->encoded.buf_size;
    return HG_SUCCESS;
}

hg_return_t HG_Get_input_buf(hg_handle_t handle, void **in_buf_p, hg_size_t *in_buf_size_p)
{
    return payload_raw(handle, HG_INPUT, in_buf_p, in_buf_size_p);
}

hg_return_t HG_Get_output_buf(hg_handle_t handle, void **out_buf_p, hg_size_t *out_buf_size_p)
{
    return payload_raw(handle, HG_OUTPUT, out_buf_p, out_buf_size_p);
}

/* What did not come in the message: everything behind the user's own space, contiguous. */
static hg_return_t payload_raw_extra(hg_handle_t handle, hg_op_t which, void **buf_p, hg_size_t *size_p)
{
    const struct hg_handle_received *received;
    bool overflowed;

    if (handle == NULL || buf_p == NULL || handle->target != (which == HG_INPUT))
        return hg_error_set(HG_INVALID_ARG, "HG_Get_%s_extra_buf: a NULL argument, or not the side that receives it",
                            which == HG_INPUT ? "input" : "output");
    received = &handle->received;
    overflowed = received->eager_size < received->size;
    *buf_p = overflowed ? received->buf + received->eager_size : NULL;
    if (size_p != NULL)
        *size_p = overflowed ? received->size - received->eager_size : 0;
    return HG_SUCCESS;
}

hg_return_t HG_Get_input_extra_buf(hg_handle_t handle, void **in_buf_p, hg_size_t *in_buf_size_p)
{
    return payload_raw_extra(handle, HG_INPUT, in_buf_p, in_buf_size_p);
}

hg_return_t HG_Get_output_extra_buf(hg_handle_t handle, void **out_buf_p, hg_size_t *out_buf_size_p)
{
    return payload_raw_extra(handle, HG_OUTPUT, out_buf_p, out_buf_size_p);
}

hg_return_t HG_Release_input_buf(hg_handle_t handle)
{
    if (hg_fork_stops_handle(handle, "HG_Release_input_buf"))
        return HG_FAULT;
    if (handle == NULL || !handle->target)
        return hg_error_set(HG_INVALID_ARG,
                            "HG_Release_input_buf: the handle is NULL, or not that of a received request");
    util_lock_take(&handle->owner->lock);
    hg_handle_drop_received_locked(handle);
    handle->received.released = true;
    util_lock_drop(&handle->owner->lock);
    return HG_SUCCESS;
}
