/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * `hg_bench fault`: kills, stops and restarts its server while calling it, and finds out whether
 * what the library said of each call is true.
 */
#ifndef TOOLS_BENCH_FAULT_H
#define TOOLS_BENCH_FAULT_H

#include "tools/bench_env.h"
#include "tools/bench_fault_result.h"
#include "tools/bench_options.h"

#include <stdbool.h>
#include <stdio.h>

/* The whole command: runs, reports; the exit code. */
int bench_fault_main(const struct bench_options *options, int argc, char **argv);

struct bench_fault_report {
    const struct bench_options *options;
    const struct bench_env *env;
    struct bench_fault_result *results; /* one per transport */
    unsigned int count;
};

void bench_fault_print(FILE *out, const struct bench_fault_report *report);
/* To the file `path`, "-" for stdout. False after a message. */
bool bench_fault_json_write(const char *path, const struct bench_fault_report *report);

#endif
