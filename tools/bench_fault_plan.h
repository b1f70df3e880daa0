/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The server process of `hg_bench fault` and what happens to it: by a seeded sequence it is killed
 * and started again on the same address, or stopped for a while. Never blocks once it is open.
 */
#ifndef TOOLS_BENCH_FAULT_PLAN_H
#define TOOLS_BENCH_FAULT_PLAN_H

#include "tools/bench_fault_result.h"
#include "tools/bench_options.h"
#include "tools/bench_spawn.h"
#include "util/util_rand.h"

#include <stdbool.h>
#include <stdint.h>

enum bench_fault_plan_state {
    BENCH_FAULT_UP,
    BENCH_FAULT_HALTED, /* by SIGSTOP */
    BENCH_FAULT_DOWN,
    BENCH_FAULT_STARTING
};

struct bench_fault_plan {
    const struct bench_options *options; /* borrowed: how servers are started */
    struct bench_fault_result *result;   /* borrowed: events and failures go there */
    struct bench_spawn spawn;
    struct util_prng prng;
    enum bench_fault_plan_state state;
    uint64_t due_ns;       /* when the next thing happens */
    uint64_t give_up_ns;   /* DOWN, STARTING: until when it must listen again */
    uint64_t restarted_ns; /* 0 = a call has succeeded since */
    uint64_t troubles;     /* kills and stops so far, but for kills of a stopped one */
    bool ending;
    char info[512]; /* what it listens on */
};

/* Starts the first server and waits for it. False after bench_fault_result_fail. */
bool bench_fault_plan_open(struct bench_fault_plan *plan, const struct bench_options *options,
                           struct bench_fault_result *result);

/* The sequence begins. */
void bench_fault_plan_begin(struct bench_fault_plan *plan, uint64_t now_ns);

/* Does what is due; to be called every few milliseconds. False after bench_fault_result_fail: there is
 * no server any more. */
bool bench_fault_plan_turn(struct bench_fault_plan *plan, uint64_t now_ns);

/* From now on a server that is down or stopped is brought back at once, and stays. */
void bench_fault_plan_end(struct bench_fault_plan *plan);
bool bench_fault_plan_is_up(const struct bench_fault_plan *plan);

/* Asks the server to leave; one that does not do so cleanly is a failure. */
void bench_fault_plan_close(struct bench_fault_plan *plan);

#endif
