/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The target side of the benchmark's RPCs: the handlers and what they need. Runs in the thread
 * that calls HG_Trigger; who makes progress, and when it ends, is bench_server.c's business.
 */
#ifndef TOOLS_BENCH_SERVE_H
#define TOOLS_BENCH_SERVE_H

#include "tools/bench_rpc.h"
#include "tools/bench_store.h"

#include <stdbool.h>

struct bench_fault_serve;

struct bench_serve {
    hg_class_t *hg_class; /* borrowed; its class data points here */
    hg_context_t *context;
    struct bench_rpc_ids ids;
    struct bench_store store;
    void *scratch; /* BENCH_RPC_ECHO_MAX bytes: the payload of the echo being answered */

    struct bench_fault_serve *fault; /* borrowed; NULL = not a server of `hg_bench fault` */

    bool busy;           /* what the last client wished */
    uint64_t calls;      /* answered so far */
    unsigned int moving; /* bulk transfers not yet complete */
};

bool bench_serve_init(struct bench_serve *serve, hg_class_t *hg_class);

/* No transfer may be moving. Leaves the class to the caller. */
void bench_serve_fini(struct bench_serve *serve);

#endif
