/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * All tests that the command line asks for, over all transports, and what came of them. Runs are
 * interleaved: run 1 of every test, then run 2, so that a slow phase of the machine does not fall
 * on one test alone.
 */
#ifndef TOOLS_BENCH_SUITE_H
#define TOOLS_BENCH_SUITE_H

#include "tools/bench_options.h"
#include "tools/bench_result.h"

#include <stdbool.h>
#include <stddef.h>

/* Why a transport could not be measured, or not to the end. */
struct bench_failure {
    const char *protocol; /* borrowed from the options */
    char text[640];
};

struct bench_suite {
    const struct bench_options *options; /* borrowed */

    struct bench_result *results; /* owned */
    unsigned int result_count;
    unsigned int result_room;
    struct bench_failure failures[2 * BENCH_OPTIONS_PROVIDERS_MAX];
    unsigned int failure_count;

    double others;     /* share of the machine that other processes took; negative = not known */
    bool same_machine; /* some server shares this machine */
    bool stuck;        /* the library holds on to calls: leave without cleaning up */
};

/* Measures; messages about failures are kept, not printed. */
void bench_suite_run(struct bench_suite *suite, const struct bench_options *options);
void bench_suite_fini(struct bench_suite *suite);

/* What a server of our own listens on: loopback where there are hosts, unless the user said where. */
void bench_suite_local_info(const char *provider, char *info, size_t info_size);

/* No failed call, no wrong byte, no failure. */
bool bench_suite_good(const struct bench_suite *suite);

#endif
