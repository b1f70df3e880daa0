/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A server that speaks hg_bench's RPCs and lies: it flips one bit of what it echoes, and says that
 * it has moved bulk data which it has not touched. Prints its address, serves until killed.
 */
#include "tools/bench_rpc.h"

#include <stdio.h>

#define LIE_OFFSET 37U
#define ECHO_MAX   65536U

static hg_return_t liar_begin(hg_handle_t handle)
{
    struct bench_begin_out out = {.version = BENCH_RPC_VERSION, .core = BENCH_RPC_CORE_KEEP};

    (void)HG_Respond(handle, NULL, NULL, &out);
    return HG_Destroy(handle);
}

static hg_return_t liar_echo(hg_handle_t handle)
{
    static unsigned char payload[ECHO_MAX];
    struct bench_echo echo = {.capacity = ECHO_MAX, .data = payload};

    if (HG_Get_input(handle, &echo) == HG_SUCCESS) {
        if (echo.size > LIE_OFFSET)
            payload[LIE_OFFSET] ^= 0x10;
        (void)HG_Respond(handle, NULL, NULL, &echo);
        (void)HG_Free_input(handle, &echo);
    }
    return HG_Destroy(handle);
}

static hg_return_t liar_move(hg_handle_t handle)
{
    struct bench_move_out out = {.status = HG_SUCCESS, .bad_offset = BENCH_RPC_NO_OFFSET};

    (void)HG_Respond(handle, NULL, NULL, &out);
    return HG_Destroy(handle);
}

static int print_address(hg_class_t *hg_class)
{
    char text[512];
    hg_size_t size = sizeof(text);
    hg_addr_t self;

    if (HG_Addr_self(hg_class, &self) != HG_SUCCESS)
        return 1;
    if (HG_Addr_to_string(hg_class, text, &size, self) != HG_SUCCESS)
        return 1;
    (void)HG_Addr_free(hg_class, self);
    return puts(text) < 0 || fflush(stdout) != 0;
}

int main(int argc, char **argv)
{
    hg_class_t *hg_class = HG_Init(argc > 1 ? argv[1] : "tcp://127.0.0.1", true);
    hg_context_t *context = hg_class == NULL ? NULL : HG_Context_create(hg_class);
    struct bench_rpc_ids ids;

    if (context == NULL)
        return 1;
    bench_rpc_register(hg_class, liar_begin, liar_echo, liar_move, &ids);
    if (print_address(hg_class) != 0)
        return 1;
    for (;;) {
        unsigned int count = 0;

        while (HG_Trigger(context, 0, 1, &count) == HG_SUCCESS && count > 0)
            count = 0;
        (void)HG_Progress(context, 100);
    }
}
