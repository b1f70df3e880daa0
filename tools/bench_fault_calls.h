/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The calls of `hg_bench fault`: a window of them under way, of the three methods in turn, and a
 * record of each that has been made. One thread.
 */
#ifndef TOOLS_BENCH_FAULT_CALLS_H
#define TOOLS_BENCH_FAULT_CALLS_H

#include "tools/bench_client.h"
#include "tools/bench_fault_plan.h"
#include "tools/bench_fault_rpc.h"

#include <stdbool.h>
#include <stdint.h>

struct bench_fault_slot; /* a place in the window */

struct bench_fault_calls {
    struct bench_client *client;    /* borrowed */
    struct bench_fault_plan *plan;  /* borrowed */
    struct bench_fault_call *made;  /* owned mapping: what became of call `number` */
    uint64_t capacity;              /* of the above and of the ledger */
    uint64_t count;                 /* calls made */
    unsigned int under_way;         /* without a callback yet */
    size_t size;                    /* of payloads */
    void *answer;                   /* owned: where answers are decoded to */
    struct bench_fault_slot *slots; /* owned */
    unsigned int window;            /* number of slots */
    hg_id_t ids[BENCH_FAULT_METHODS];
};

/* Registers the RPCs with the time limit `timeout_ns` and makes the window. False after
 * bench_fault_result_fail; close is to be called all the same. */
bool bench_fault_calls_open(struct bench_fault_calls *calls, struct bench_client *client, struct bench_fault_plan *plan,
                            uint64_t capacity, uint64_t timeout_ns);

/* Makes calls until the window is full; false if there is no room for more in the ledger. */
bool bench_fault_calls_fill(struct bench_fault_calls *calls, uint64_t now_ns);

/* None may be under way. Keeps the record, until bench_fault_calls_forget. */
void bench_fault_calls_close(struct bench_fault_calls *calls);
void bench_fault_calls_forget(struct bench_fault_calls *calls);

#endif
