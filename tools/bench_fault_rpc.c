/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_fault_rpc.h.
 */
#include "tools/bench_fault_rpc.h"

#include "tools/bench_pattern.h"
#include "tools/bench_serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint64_t seed_of(uint64_t number, enum bench_fault_side side)
{
    return 2 * number + (side == BENCH_FAULT_ANSWER ? 1 : 0);
}

void bench_fault_body_fill(void *buf, size_t size, uint64_t number, enum bench_fault_side side)
{
    unsigned char *bytes = buf;

    memcpy(bytes, &number, sizeof(number));
    bench_pattern_fill(bytes + sizeof(number), size - sizeof(number), seed_of(number, side));
}

uint64_t bench_fault_body_number(const void *buf, size_t size)
{
    uint64_t number = UINT64_MAX;

    if (size >= sizeof(number))
        memcpy(&number, buf, sizeof(number));
    return number;
}

bool bench_fault_body_check(const void *buf, size_t size, uint64_t number, enum bench_fault_side side)
{
    const unsigned char *bytes = buf;

    return size >= sizeof(number) && bench_fault_body_number(buf, size) == number &&
           bench_pattern_check(bytes + sizeof(number), size - sizeof(number), seed_of(number, side)) == UINT64_MAX;
}

bool bench_fault_register(hg_class_t *hg_class, hg_rpc_cb_t handler, void *data, hg_id_t ids[BENCH_FAULT_METHODS])
{
    static const char *const names[BENCH_FAULT_METHODS] = {
        [TOOL_METHOD_ONCE] = "hg_bench/fault_once",
        [TOOL_METHOD_IDEMPOTENT] = "hg_bench/fault_idempotent",
        [TOOL_METHOD_AT_MOST_ONCE] = "hg_bench/fault_at_most_once",
    };

    for (unsigned int i = 0; i < BENCH_FAULT_METHODS; i++) {
        ids[i] = HG_Register_name(hg_class, names[i], bench_rpc_proc_echo, bench_rpc_proc_echo, handler);
        if (ids[i] == 0 || HG_Register_data(hg_class, ids[i], data, NULL) != HG_SUCCESS)
            return false;
    }
    return true;
}

/* Counts first: from here on the call has been executed, whatever becomes of this process. */
static hg_return_t handle_call(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct bench_fault_ledger *ledger = HG_Registered_data(info->hg_class, info->id);
    struct bench_serve *serve = HG_Class_get_data(info->hg_class);
    struct bench_echo body = {.capacity = (uint32_t)BENCH_RPC_ECHO_MAX, .data = serve->scratch};
    uint64_t number;

    serve->calls++;
    if (HG_Get_input(handle, &body) != HG_SUCCESS) {
        bench_fault_ledger_count_wrong(ledger);
        return HG_Destroy(handle);
    }
    number = bench_fault_body_number(body.data, body.size);
    bench_fault_ledger_count(ledger, number);
    if (bench_fault_body_check(body.data, body.size, number, BENCH_FAULT_REQUEST))
        bench_fault_body_fill(body.data, body.size, number, BENCH_FAULT_ANSWER);
    else
        bench_fault_ledger_count_wrong(ledger);
    (void)HG_Respond(handle, NULL, NULL, &body);
    (void)HG_Free_input(handle, &body);
    return HG_Destroy(handle);
}

bool bench_fault_serve_init(struct bench_fault_ledger *ledger, hg_class_t *hg_class, int fd)
{
    hg_id_t ids[BENCH_FAULT_METHODS];

    if (!bench_fault_ledger_open(ledger, fd)) {
        (void)fprintf(stderr, "hg_bench server: --ledger %d: %s\n", fd, strerror(errno));
        return false;
    }
    if (bench_fault_register(hg_class, handle_call, ledger, ids))
        return true;
    (void)fprintf(stderr, "hg_bench server: --ledger %d: the calls cannot be registered\n", fd);
    bench_fault_ledger_close(ledger);
    return false;
}
