/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_serve.h. Handlers never block. The echo's payload passes through one scratch buffer,
 * which is safe because HG_Respond has encoded it when it returns. A move owns a store entry from
 * the request until its bulk transfer is complete and answered.
 */
#include "tools/bench_serve.h"

#include "tools/bench_env.h"
#include "tools/bench_pattern.h"
#include "tools/bench_pin.h"
#include "tools/tool_lib.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct bench_serve *serve_of(hg_handle_t handle)
{
    return HG_Class_get_data(HG_Get_info(handle)->hg_class);
}

/* -------------------------------------------------------------------------------- begin, echo */

static hg_return_t handle_begin(hg_handle_t handle)
{
    struct bench_serve *serve = serve_of(handle);
    struct bench_begin_in in;
    struct bench_begin_out out = {.version = BENCH_RPC_VERSION,
                                  .core = BENCH_RPC_CORE_KEEP,
                                  .pid = (uint32_t)getpid(),
                                  .machine = bench_env_machine()};

    serve->calls++;
    if (HG_Get_input(handle, &in) == HG_SUCCESS) {
        int core = in.core == BENCH_RPC_CORE_AUTO ? bench_pin_first() : in.core;

        if (in.version == BENCH_RPC_VERSION) {
            serve->busy = in.busy != 0;
            (void)tool_lib_set_batching(serve->hg_class, in.no_batch == 0);
            if (core != BENCH_RPC_CORE_KEEP && bench_pin_to(core))
                out.core = core;
        }
        (void)HG_Free_input(handle, &in);
    }
    (void)HG_Respond(handle, NULL, NULL, &out);
    return HG_Destroy(handle);
}

static hg_return_t handle_echo(hg_handle_t handle)
{
    struct bench_serve *serve = serve_of(handle);
    struct bench_echo echo = {.capacity = (uint32_t)BENCH_RPC_ECHO_MAX, .data = serve->scratch};

    serve->calls++;
    if (HG_Get_input(handle, &echo) == HG_SUCCESS) {
        (void)HG_Respond(handle, NULL, NULL, &echo);
        (void)HG_Free_input(handle, &echo);
    } else {
        /* An empty answer: the client counts it as wrong instead of waiting. */
        echo.size = 0;
        (void)HG_Respond(handle, NULL, NULL, &echo);
    }
    return HG_Destroy(handle);
}

/* --------------------------------------------------------------------------------------- move */

static void answer_move(hg_handle_t handle, hg_return_t status, uint64_t bad_offset)
{
    struct bench_move_out out = {.status = (int32_t)status, .bad_offset = bad_offset};

    (void)HG_Respond(handle, NULL, NULL, &out);
}

static void end_move(struct bench_store_entry *entry, hg_return_t status)
{
    uint64_t bad_offset = BENCH_RPC_NO_OFFSET;

    if (status == HG_SUCCESS && entry->in.verify != 0 && entry->in.op == HG_BULK_PULL)
        bad_offset = bench_pattern_check(entry->buf, entry->size, entry->in.seed);
    answer_move(entry->handle, status, bad_offset);
    (void)HG_Free_input(entry->handle, &entry->in);
    (void)HG_Destroy(entry->handle);
    bench_store_put(entry);
}

static hg_return_t move_done(const struct hg_cb_info *info)
{
    struct bench_store_entry *entry = info->arg;

    serve_of(entry->handle)->moving--;
    end_move(entry, info->ret);
    return HG_SUCCESS;
}

static void start_move(struct bench_serve *serve, struct bench_store_entry *entry)
{
    struct bench_move_in *in = &entry->in;
    hg_return_t ret;

    if (in->verify != 0 && in->op == HG_BULK_PUSH)
        bench_pattern_fill(entry->buf, entry->size, in->seed);
    ret = HG_Bulk_transfer(serve->context, move_done, entry, (hg_bulk_op_t)in->op, HG_Get_info(entry->handle)->addr,
                           in->bulk, 0, entry->bulk, 0, in->size, HG_OP_ID_IGNORE);
    if (ret == HG_SUCCESS)
        serve->moving++;
    else
        end_move(entry, ret);
}

static hg_return_t handle_move(hg_handle_t handle)
{
    struct bench_serve *serve = serve_of(handle);
    struct bench_store_entry *entry = NULL;
    struct bench_move_in in;
    hg_return_t ret = HG_Get_input(handle, &in);

    serve->calls++;
    if (ret != HG_SUCCESS) {
        answer_move(handle, ret, BENCH_RPC_NO_OFFSET);
        return HG_Destroy(handle);
    }
    if (in.size > 0 && in.size <= BENCH_RPC_MOVE_MAX && (in.op == HG_BULK_PULL || in.op == HG_BULK_PUSH))
        entry = bench_store_get(&serve->store, in.size);
    if (entry == NULL) {
        answer_move(handle, HG_NOMEM, BENCH_RPC_NO_OFFSET);
        (void)HG_Free_input(handle, &in);
        return HG_Destroy(handle);
    }
    entry->handle = handle;
    entry->in = in;
    start_move(serve, entry);
    return HG_SUCCESS;
}

/* --------------------------------------------------------------------------------------- life */

bool bench_serve_init(struct bench_serve *serve, hg_class_t *hg_class)
{
    memset(serve, 0, sizeof(*serve));
    serve->hg_class = hg_class;
    serve->scratch = malloc(BENCH_RPC_ECHO_MAX);
    if (serve->scratch == NULL || !bench_store_init(&serve->store, hg_class)) {
        free(serve->scratch);
        return false;
    }
    (void)HG_Class_set_data(hg_class, serve, NULL);
    bench_rpc_register(hg_class, handle_begin, handle_echo, handle_move, &serve->ids);
    serve->context = HG_Context_create(hg_class);
    if (serve->context == NULL) {
        bench_store_fini(&serve->store);
        free(serve->scratch);
        return false;
    }
    return true;
}

void bench_serve_fini(struct bench_serve *serve)
{
    bench_store_fini(&serve->store);
    (void)HG_Context_destroy(serve->context);
    free(serve->scratch);
}
