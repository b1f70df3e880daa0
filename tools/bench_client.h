/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The origin side: class, context and the server's address, opened with a first call whose time is
 * kept apart because it pays for the connection. One thread.
 */
#ifndef TOOLS_BENCH_CLIENT_H
#define TOOLS_BENCH_CLIENT_H

#include "tools/bench_options.h"
#include "tools/bench_rpc.h"
#include "tools/bench_spawn.h"

#include <stdbool.h>

struct bench_client {
    const struct bench_options *options; /* borrowed */
    struct bench_spawn *spawn;           /* borrowed; NULL = the server is not ours */

    hg_class_t *hg_class;
    hg_context_t *context;
    hg_addr_t addr;
    struct bench_rpc_ids ids;

    uint64_t first_ns;   /* look-up, connection and first call together */
    uint32_t server_pid; /* as it says itself */
    bool same_machine;   /* as the server says */
    unsigned int lost;   /* handles that never called back: the class can't be finalized */
    char error[512];     /* why open failed */
};

/* Opens a class for the info string `info` and calls the server at `uri`. False: client->error,
 * and nothing is left open. */
bool bench_client_open(struct bench_client *client, const char *info, const char *uri,
                       const struct bench_options *options, struct bench_spawn *spawn);

/* One turn of progress and callbacks; sleeps up to a few milliseconds unless --busy. */
hg_return_t bench_client_turn(struct bench_client *client);

/* The two halves of a turn, for callers that do something in between. */
void bench_client_trigger(struct bench_client *client);
hg_return_t bench_client_progress(struct bench_client *client, unsigned int sleep_ms);

/* False if something could not be released; the process should then leave. */
bool bench_client_close(struct bench_client *client);

#endif
