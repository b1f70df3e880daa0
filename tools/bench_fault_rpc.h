/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The calls of `hg_bench fault`: three RPCs, which differ in what their repetition means, and whose
 * payload says which call it belongs to: its number, then a pattern made from the number; that of an
 * answer is another one than that of its request.
 */
#ifndef TOOLS_BENCH_FAULT_RPC_H
#define TOOLS_BENCH_FAULT_RPC_H

#include "tools/bench_fault_ledger.h"
#include "tools/bench_rpc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A payload holds the number at least. */
#define BENCH_FAULT_SIZE_MIN 8U

enum bench_fault_side { BENCH_FAULT_REQUEST, BENCH_FAULT_ANSWER };

/* Writes the payload of call `number`. */
void bench_fault_body_fill(void *buf, size_t size, uint64_t number, enum bench_fault_side side);
/* The number that a payload carries; UINT64_MAX if it is too short for one. */
uint64_t bench_fault_body_number(const void *buf, size_t size);
/* Whether all bytes are those of call `number`. */
bool bench_fault_body_check(const void *buf, size_t size, uint64_t number, enum bench_fault_side side);

/* Registers the three; `handler` is NULL at the client, `data` is what HG_Registered_data gives. */
bool bench_fault_register(hg_class_t *hg_class, hg_rpc_cb_t handler, void *data, hg_id_t ids[BENCH_FAULT_METHODS]);

/* The server's side: counts in the ledger behind the inherited descriptor `fd`, then answers. To be
 * used on a class that bench_serve_init has set up. False after a message. */
bool bench_fault_serve_init(struct bench_fault_ledger *ledger, hg_class_t *hg_class, int fd);

#endif
