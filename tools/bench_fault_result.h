/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What one run of `hg_bench fault` has seen over one transport: goodput by slices of time, what was
 * done to the server, the verdict of the ledger, and what else was not as it should be.
 */
#ifndef TOOLS_BENCH_FAULT_RESULT_H
#define TOOLS_BENCH_FAULT_RESULT_H

#include "tools/bench_fault_ledger.h"

#include <stdbool.h>
#include <stdint.h>

#define BENCH_FAULT_SLICE_NS     UINT64_C(100000000)
#define BENCH_FAULT_FAILURES_MAX 4U

enum bench_fault_event_kind {
    BENCH_FAULT_KILLED,
    BENCH_FAULT_RESTARTED, /* listens again */
    BENCH_FAULT_STOPPED,
    BENCH_FAULT_CONTINUED
};

struct bench_fault_event {
    uint64_t at_ns; /* from the start of the run */
    enum bench_fault_event_kind kind;
};

/* A series that grows; zeroed it is empty. */
struct bench_fault_series {
    uint64_t *values; /* owned */
    size_t count;
    size_t room;
};

struct bench_fault_result {
    const char *provider; /* borrowed from the options */
    uint64_t start_ns;
    uint64_t calls;
    bool checked; /* the verdict is there */
    struct bench_fault_verdict verdict;

    struct bench_fault_series goodput;    /* calls that succeeded in each slice */
    struct bench_fault_series recoveries; /* ns from a restart to the first success */
    struct bench_fault_event *events;     /* owned */
    size_t event_count;
    size_t event_room;

    char failures[BENCH_FAULT_FAILURES_MAX][640]; /* why the run is not clean, besides the verdict */
    unsigned int failure_count;
    bool stuck; /* the library still holds calls: the process must leave without its destructors */
};

void bench_fault_result_init(struct bench_fault_result *result, const char *provider);
void bench_fault_result_fini(struct bench_fault_result *result);

/* These drop what there is no memory for. */
void bench_fault_result_event(struct bench_fault_result *result, enum bench_fault_event_kind kind, uint64_t now_ns);
void bench_fault_result_success(struct bench_fault_result *result, uint64_t now_ns);
void bench_fault_result_recovery(struct bench_fault_result *result, uint64_t took_ns);
void bench_fault_result_fail(struct bench_fault_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Clean: the run was made to its end, and no rule was broken. */
bool bench_fault_result_good(const struct bench_fault_result *result);

size_t bench_fault_result_events(const struct bench_fault_result *result, enum bench_fault_event_kind kind);
/* Of the recoveries, in milliseconds; 0 where there are none. The first one sorts them. */
double bench_fault_result_recovery_median(struct bench_fault_result *result);
double bench_fault_result_recovery_max(struct bench_fault_result *result);

/* Restarts after which no call succeeded before the next kill, or the end. */
size_t bench_fault_result_unrecovered(const struct bench_fault_result *result);

/* "killed", ... */
const char *bench_fault_event_name(enum bench_fault_event_kind kind);

#endif
