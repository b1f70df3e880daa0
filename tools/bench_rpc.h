/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The three RPCs that a benchmark client and its server speak, as structs and proc functions:
 *
 *   begin  says hello: the client's wishes for the server's progress mode and core; the answer
 *          tells which machine and process the server is.
 *   echo   carries `size` bytes to the server and back. On the wire: a 32-bit length, the bytes.
 *   move   asks the server to pull from, or push to, the client's memory, and to answer when that
 *          is done. The descriptor rides in each call, as it does in real programs.
 *
 * All parameters travel in the calls, so a server has nothing to be configured.
 */
#ifndef TOOLS_BENCH_RPC_H
#define TOOLS_BENCH_RPC_H

#include <mercury.h>
#include <mercury_bulk.h>
#include <mercury_proc.h>
#include <mercury_proc_bulk.h>

#include <stdint.h>

/* Changes when a struct below does; the server refuses another. */
#define BENCH_RPC_VERSION 1U

#define BENCH_RPC_ECHO_MAX (UINT64_C(64) << 20)
#define BENCH_RPC_MOVE_MAX (UINT64_C(4) << 30)

/* bench_begin_in.core: leave the server where it is, or on the first core it may use. */
#define BENCH_RPC_CORE_KEEP (-1)
#define BENCH_RPC_CORE_AUTO (-2)

/* bench_move_out.bad_offset when all bytes were right. */
#define BENCH_RPC_NO_OFFSET UINT64_MAX

struct bench_begin_in {
    uint32_t version;
    int32_t core;     /* a core number or BENCH_RPC_CORE_* */
    uint8_t busy;     /* spin while this client is at work */
    uint8_t no_batch; /* send each message by itself */
};

struct bench_begin_out {
    uint32_t version;
    int32_t core; /* where the server now runs, BENCH_RPC_CORE_KEEP if not pinned */
    uint32_t pid;
    uint64_t machine; /* bench_env_machine() of the server */
};

/* `data` is the caller's memory in both directions: decoding fills it up to `capacity` bytes. */
struct bench_echo {
    uint32_t size;
    uint32_t capacity; /* does not travel */
    void *data;
};

struct bench_move_in {
    hg_bulk_t bulk; /* decoded: freed by HG_Free_input */
    uint64_t size;
    uint64_t seed;  /* of the pattern, when verifying */
    uint8_t op;     /* hg_bulk_op_t */
    uint8_t verify; /* pull: check what came; push: send the pattern */
};

struct bench_move_out {
    int32_t status;      /* hg_return_t of the transfer */
    uint64_t bad_offset; /* first wrong byte of a verified pull */
};

struct bench_rpc_ids {
    hg_id_t begin;
    hg_id_t echo;
    hg_id_t move;
};

/* Of struct bench_echo. */
hg_return_t bench_rpc_proc_echo(hg_proc_t proc, void *data);

/* Registers the three with their handlers (a client passes NULL for each). */
void bench_rpc_register(hg_class_t *hg_class, hg_rpc_cb_t begin, hg_rpc_cb_t echo, hg_rpc_cb_t move,
                        struct bench_rpc_ids *ids);

#endif
