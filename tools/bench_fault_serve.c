/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_fault_serve.h.
 */
#include "tools/bench_fault_serve.h"

#include "tools/bench_fault_body.h"
#include "tools/bench_fault_rpc.h"
#include "util/util_clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HELD_ONE_IN 64U
#define HELD_NS     (5 * UTIL_CLOCK_NS_PER_MS)

/* The three methods take turns, so the calls of each are numbers apart. */
static bool is_held(const struct bench_fault_serve *fault, uint64_t number)
{
    return number / BENCH_FAULT_METHODS % HELD_ONE_IN == 0 && fault->held_count < BENCH_FAULT_HELD_MAX;
}

static void answer(struct bench_fault_serve *fault, hg_handle_t handle, uint64_t number, uint32_t size)
{
    struct bench_echo body = {.size = size, .capacity = size, .data = fault->scratch};

    bench_fault_body_fill(body.data, size, number, BENCH_FAULT_ANSWER);
    (void)HG_Respond(handle, NULL, NULL, &body);
    (void)HG_Destroy(handle);
}

/* A request that nobody can have made is answered as it came, which its caller finds wrong. */
static void answer_wrong(struct bench_fault_serve *fault, hg_handle_t handle, struct bench_echo *body)
{
    bench_fault_ledger_count_wrong(&fault->ledger);
    (void)HG_Respond(handle, NULL, NULL, body);
    (void)HG_Destroy(handle);
}

/* Counts first: from here on the call has been executed, whatever becomes of this process. */
static hg_return_t handle_call(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct bench_fault_serve *fault = HG_Registered_data(info->hg_class, info->id);
    struct bench_echo body = {.capacity = (uint32_t)BENCH_RPC_ECHO_MAX, .data = fault->scratch};
    uint64_t number;

    if (HG_Get_input(handle, &body) != HG_SUCCESS) {
        bench_fault_ledger_count_wrong(&fault->ledger);
        return HG_Destroy(handle);
    }
    number = bench_fault_body_number(body.data, body.size);
    bench_fault_ledger_count(&fault->ledger, number);
    (void)HG_Free_input(handle, &body);
    if (!bench_fault_body_check(body.data, body.size, number, BENCH_FAULT_REQUEST)) {
        answer_wrong(fault, handle, &body);
    } else if (is_held(fault, number)) {
        fault->held[fault->held_count++] = (struct bench_fault_held){
            .handle = handle, .number = number, .due_ns = util_clock_now_ns() + HELD_NS, .size = body.size};
    } else {
        answer(fault, handle, number, body.size);
    }
    return HG_SUCCESS;
}

void bench_fault_serve_answer(struct bench_fault_serve *fault, bool everything)
{
    uint64_t now_ns = util_clock_now_ns();
    unsigned int count = 0;

    while (count < fault->held_count && (everything || now_ns >= fault->held[count].due_ns)) {
        const struct bench_fault_held *held = &fault->held[count++];

        answer(fault, held->handle, held->number, held->size);
    }
    fault->held_count -= count;
    memmove(fault->held, fault->held + count, fault->held_count * sizeof(fault->held[0]));
}

bool bench_fault_serve_init(struct bench_fault_serve *fault, hg_class_t *hg_class, void *scratch, int fd)
{
    hg_id_t ids[BENCH_FAULT_METHODS];

    memset(fault, 0, sizeof(*fault));
    fault->scratch = scratch;
    if (!bench_fault_ledger_open(&fault->ledger, fd)) {
        (void)fprintf(stderr, "hg_bench server: --ledger %d: %s\n", fd, strerror(errno));
        return false;
    }
    if (bench_fault_register(hg_class, handle_call, fault, ids))
        return true;
    (void)fprintf(stderr, "hg_bench server: --ledger %d: the calls cannot be registered\n", fd);
    bench_fault_ledger_close(&fault->ledger);
    return false;
}

void bench_fault_serve_fini(struct bench_fault_serve *fault)
{
    bench_fault_ledger_close(&fault->ledger);
}
