/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_rpc.h: the wire form of the benchmark's own arguments, written with Mercury's proc
 * functions only.
 */
#include "tools/bench_rpc.h"

static hg_return_t proc_begin_in(hg_proc_t proc, void *data)
{
    struct bench_begin_in *in = data;
    hg_return_t ret = hg_proc_uint32_t(proc, &in->version);

    if (ret == HG_SUCCESS)
        ret = hg_proc_int32_t(proc, &in->core);
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint8_t(proc, &in->busy);
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint8_t(proc, &in->no_batch);
    return ret;
}

static hg_return_t proc_begin_out(hg_proc_t proc, void *data)
{
    struct bench_begin_out *out = data;
    hg_return_t ret = hg_proc_uint32_t(proc, &out->version);

    if (ret == HG_SUCCESS)
        ret = hg_proc_int32_t(proc, &out->core);
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint32_t(proc, &out->pid);
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint64_t(proc, &out->machine);
    return ret;
}

hg_return_t bench_rpc_proc_echo(hg_proc_t proc, void *data)
{
    struct bench_echo *echo = data;
    hg_return_t ret;

    if (hg_proc_get_op(proc) == HG_FREE)
        return HG_SUCCESS;
    ret = hg_proc_uint32_t(proc, &echo->size);
    if (ret != HG_SUCCESS)
        return ret;
    if (echo->size > echo->capacity)
        return HG_OVERFLOW;
    return echo->size == 0 ? HG_SUCCESS : hg_proc_bytes(proc, echo->data, echo->size);
}

static hg_return_t proc_move_in(hg_proc_t proc, void *data)
{
    struct bench_move_in *in = data;
    hg_return_t ret = hg_proc_hg_bulk_t(proc, &in->bulk);

    if (ret == HG_SUCCESS)
        ret = hg_proc_uint64_t(proc, &in->size);
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint64_t(proc, &in->seed);
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint8_t(proc, &in->op);
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint8_t(proc, &in->verify);
    return ret;
}

static hg_return_t proc_move_out(hg_proc_t proc, void *data)
{
    struct bench_move_out *out = data;
    hg_return_t ret = hg_proc_int32_t(proc, &out->status);

    if (ret == HG_SUCCESS)
        ret = hg_proc_uint64_t(proc, &out->bad_offset);
    return ret;
}

void bench_rpc_register(hg_class_t *hg_class, hg_rpc_cb_t begin, hg_rpc_cb_t echo, hg_rpc_cb_t move,
                        struct bench_rpc_ids *ids)
{
    ids->begin = HG_Register_name(hg_class, "hg_bench/begin", proc_begin_in, proc_begin_out, begin);
    ids->echo = HG_Register_name(hg_class, "hg_bench/echo", bench_rpc_proc_echo, bench_rpc_proc_echo, echo);
    ids->move = HG_Register_name(hg_class, "hg_bench/move", proc_move_in, proc_move_out, move);
}
