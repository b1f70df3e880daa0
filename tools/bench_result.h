/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What was measured: one result per test, gathered over its runs, and the statistics that reports
 * draw from it. Knows neither the library's calls nor any output format.
 *
 * Rates are the median over the runs, with least and greatest. Latencies are pooled: percentiles
 * come from the histogram of all runs together, because a tail needs all the samples it can get.
 */
#ifndef TOOLS_BENCH_RESULT_H
#define TOOLS_BENCH_RESULT_H

#include "tools/bench_load.h"
#include "tools/bench_options.h"
#include "util/util_hist.h"

#include <stdbool.h>

/* A percentile that rests on fewer samples beyond it is not shown. */
#define BENCH_RESULT_BEYOND_MIN 10U

enum bench_test {
    BENCH_TEST_FIRST, /* look-up, connection and first call: one sample */
    BENCH_TEST_LAT,
    BENCH_TEST_RATE,
    BENCH_TEST_BW
};

/* One run. */
struct bench_figure {
    uint64_t ops;
    uint64_t elapsed_ns;
    uint64_t p50_ns;
};

struct bench_result {
    enum bench_test test;
    const char *protocol; /* borrowed from the options */
    char provider[64];    /* as the class calls it */
    uint64_t size;
    unsigned int window;
    hg_bulk_op_t op; /* BENCH_TEST_BW */
    bool verified;

    unsigned int run_count;
    struct bench_figure runs[BENCH_OPTIONS_RUNS_MAX];
    struct util_hist hist; /* owned: of all runs; empty with --no-latency */
    uint64_t calls;        /* that succeeded, in all runs */
    uint64_t errors[HG_RETURN_MAX];
    uint64_t wrong;      /* calls with wrong bytes */
    uint64_t bad_offset; /* of the first of them */
};

struct bench_percentile {
    bool shown; /* enough samples beyond */
    double us;
    uint64_t beyond; /* samples above it */
};

struct bench_spread {
    double median, min, max;
};

/* Zeroes *result and makes its histogram: false when out of memory. fini takes a zeroed one. */
bool bench_result_init(struct bench_result *result, enum bench_test test, const char *protocol);
void bench_result_fini(struct bench_result *result);

/* Adds a run and the latencies of it. */
void bench_result_add(struct bench_result *result, const struct bench_sample *sample, const struct util_hist *hist);

const char *bench_result_test_name(enum bench_test test);
/* "pull", "push", or NULL where the test has none. */
const char *bench_result_op_name(const struct bench_result *result);

struct bench_percentile bench_result_percentile(const struct bench_result *result, double percent);
struct bench_spread bench_result_ops_per_s(const struct bench_result *result);
/* MiB per second that belong to so many calls per second; payload in one direction. */
double bench_result_mib_per_s(const struct bench_result *result, double ops_per_s);
uint64_t bench_result_errors(const struct bench_result *result);

#endif
