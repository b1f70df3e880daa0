/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The call of `lat` and `rate`: an echo of `size` bytes, both ways as payload.
 */
#include "tools/bench_load.h"
#include "tools/bench_pattern.h"

#include <stdlib.h>

static hg_id_t echo_rpc_id(const struct bench_client *client)
{
    return client->ids.echo;
}

static hg_return_t echo_open(struct bench_slot *slot)
{
    slot->buf = malloc(slot->load->config.size + 1);
    if (slot->buf == NULL)
        return HG_NOMEM;
    bench_pattern_fill(slot->buf, slot->load->config.size, slot->seed);
    return HG_SUCCESS;
}

static void echo_close(struct bench_slot *slot)
{
    free(slot->buf);
    slot->buf = NULL;
}

static void echo_prepare(struct bench_slot *slot)
{
    bench_pattern_fill(slot->buf, slot->load->config.size, slot->seed);
}

static hg_return_t echo_forward(struct bench_slot *slot, hg_cb_t callback)
{
    uint32_t size = (uint32_t)slot->load->config.size;
    struct bench_echo in = {.size = size, .capacity = size, .data = slot->buf};

    return HG_Forward(slot->handle, callback, slot, &in);
}

static hg_return_t echo_finish(struct bench_slot *slot, uint64_t *bad_offset)
{
    const struct bench_load *load = slot->load;
    uint32_t size = (uint32_t)load->config.size;
    struct bench_echo out = {.size = 0, .capacity = size, .data = load->reply};
    hg_return_t ret = HG_Get_output(slot->handle, &out);

    if (ret != HG_SUCCESS)
        return ret;
    if (out.size != size)
        *bad_offset = out.size;
    else if (load->config.verify)
        *bad_offset = bench_pattern_check(out.data, size, slot->seed);
    return HG_Free_output(slot->handle, &out);
}

const struct bench_call_ops bench_echo_ops = {.rpc_id = echo_rpc_id,
                                              .open = echo_open,
                                              .close = echo_close,
                                              .prepare = echo_prepare,
                                              .forward = echo_forward,
                                              .finish = echo_finish};
