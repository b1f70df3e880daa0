/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The server's side of `hg_bench fault`: each call is counted in the ledger, then answered; one in
 * 64 some milliseconds later, so that there are always calls which have been executed and whose
 * answers are not there yet. One thread.
 */
#ifndef TOOLS_BENCH_FAULT_SERVE_H
#define TOOLS_BENCH_FAULT_SERVE_H

#include "tools/bench_fault_ledger.h"

#include <mercury.h>

#include <stdbool.h>
#include <stdint.h>

#define BENCH_FAULT_HELD_MAX 256U

/* A call that is answered later. */
struct bench_fault_held {
    hg_handle_t handle; /* owned */
    uint64_t number;
    uint64_t due_ns;
    uint32_t size;
};

struct bench_fault_serve {
    struct bench_fault_ledger ledger;
    void *scratch;                                      /* borrowed from the bench_serve: payloads pass through it */
    struct bench_fault_held held[BENCH_FAULT_HELD_MAX]; /* the first is the oldest */
    unsigned int held_count;
};

/* Counts in the ledger behind the inherited descriptor `fd`. `scratch` has BENCH_RPC_ECHO_MAX bytes.
 * False after a message. */
bool bench_fault_serve_init(struct bench_fault_serve *fault, hg_class_t *hg_class, void *scratch, int fd);

/* Answers what is due, or everything; to be called now and then, and before the context goes. */
void bench_fault_serve_answer(struct bench_fault_serve *fault, bool everything);

void bench_fault_serve_fini(struct bench_fault_serve *fault);

#endif
