/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The call of `bw`: an RPC that carries the descriptor of this slot's memory; the server pulls
 * from it or pushes to it, and answers when the transfer is complete. The memory is registered
 * once, as a program would do that cares for bandwidth.
 */
#include "tools/bench_load.h"
#include "tools/bench_pattern.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE 4096U

static hg_id_t move_rpc_id(const struct bench_client *client)
{
    return client->ids.move;
}

static hg_return_t move_open(struct bench_slot *slot)
{
    hg_size_t size = slot->load->config.size;

    if (posix_memalign(&slot->buf, PAGE_SIZE, size) != 0) {
        slot->buf = NULL;
        return HG_NOMEM;
    }
    bench_pattern_fill(slot->buf, size, slot->seed);
    return HG_Bulk_create(slot->load->client->hg_class, 1, &slot->buf, &size, HG_BULK_READWRITE, &slot->bulk);
}

static void move_close(struct bench_slot *slot)
{
    if (slot->bulk != HG_BULK_NULL)
        (void)HG_Bulk_free(slot->bulk);
    free(slot->buf);
    slot->bulk = HG_BULK_NULL;
    slot->buf = NULL;
}

/* What is pulled is written now; where a push will arrive, what an earlier one left is wiped out,
 * so that a push that moves nothing is seen. */
static void move_prepare(struct bench_slot *slot)
{
    if (slot->load->config.op == HG_BULK_PULL)
        bench_pattern_fill(slot->buf, slot->load->config.size, slot->seed);
    else
        memset(slot->buf, 0, slot->load->config.size);
}

static hg_return_t move_forward(struct bench_slot *slot, hg_cb_t callback)
{
    const struct bench_load_config *config = &slot->load->config;
    struct bench_move_in in = {.bulk = slot->bulk,
                               .size = config->size,
                               .seed = slot->seed,
                               .op = (uint8_t)config->op,
                               .verify = config->verify ? 1 : 0};

    return HG_Forward(slot->handle, callback, slot, &in);
}

static hg_return_t move_finish(struct bench_slot *slot, uint64_t *bad_offset)
{
    const struct bench_load_config *config = &slot->load->config;
    struct bench_move_out out;
    hg_return_t ret = HG_Get_output(slot->handle, &out);

    if (ret != HG_SUCCESS)
        return ret;
    *bad_offset = out.bad_offset;
    ret = out.status >= 0 && out.status < HG_RETURN_MAX ? (hg_return_t)out.status : HG_OTHER_ERROR;
    (void)HG_Free_output(slot->handle, &out);
    if (ret == HG_SUCCESS && config->verify && config->op == HG_BULK_PUSH)
        *bad_offset = bench_pattern_check(slot->buf, config->size, slot->seed);
    return ret;
}

const struct bench_call_ops bench_move_ops = {.rpc_id = move_rpc_id,
                                              .open = move_open,
                                              .close = move_close,
                                              .prepare = move_prepare,
                                              .forward = move_forward,
                                              .finish = move_finish};
