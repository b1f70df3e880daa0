/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The command line of hg_bench: what may be asked for, its defaults and its limits. Parsing prints
 * a message that names the option and the bad value, and nothing else; it starts nothing.
 */
#ifndef TOOLS_BENCH_OPTIONS_H
#define TOOLS_BENCH_OPTIONS_H

#include "tools/tool_parse.h"

#include <stdbool.h>
#include <stdint.h>

#define BENCH_OPTIONS_PROVIDERS_MAX 8U
#define BENCH_OPTIONS_WINDOW_MAX    4096U
#define BENCH_OPTIONS_RUNS_MAX      100U

enum bench_mode {
    BENCH_MODE_ALL, /* no command: the whole table */
    BENCH_MODE_LAT,
    BENCH_MODE_RATE,
    BENCH_MODE_BW,
    BENCH_MODE_FAULT,
    BENCH_MODE_SERVER
};

enum bench_pin_mode { BENCH_PIN_AUTO, BENCH_PIN_NONE, BENCH_PIN_CORES };

/* Strings are borrowed from argv for the life of the program. */
struct bench_options {
    enum bench_mode mode;
    const char *uri; /* of the server (client) or to listen on (server); NULL = own server */

    const char *providers[BENCH_OPTIONS_PROVIDERS_MAX];
    unsigned int provider_count;

    struct tool_list sizes;   /* count 0: the test's own defaults */
    struct tool_list windows; /* likewise */
    bool pull;
    bool push;
    bool verify;
    bool no_batch;
    bool no_latency;

    uint64_t duration_ns; /* of one run */
    uint64_t warmup_ns;   /* before each run */
    unsigned int runs;
    uint64_t timeout_ns; /* without any progress; fault: of a call */

    uint64_t seed;        /* fault: of what happens to the server */
    uint64_t interval_ns; /* fault: between two such things, on average */
    int ledger_fd;        /* server: inherited, of the ledger of `fault`; -1 = none */

    bool busy;
    bool wait_given; /* --busy or --block was said */
    enum bench_pin_mode pin_mode;
    int pin_server; /* BENCH_PIN_CORES */
    int pin_client;

    const char *json_path; /* "-" = stdout */
    const char *csv_path;
    const char *addr_path; /* server: also write the address here */
    bool quiet;
};

enum bench_options_result {
    BENCH_OPTIONS_RUN,
    BENCH_OPTIONS_DONE, /* --help or --version was printed */
    BENCH_OPTIONS_BAD   /* a message was printed */
};

enum bench_options_result bench_options_parse(int argc, char **argv, struct bench_options *options);

/* "all", "lat", ... */
const char *bench_options_mode_name(enum bench_mode mode);

#endif
