/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the two sides of net_load.h have in common: the RPCs, whose bodies say whose they are.
 */
#ifndef NET_RPC_H
#define NET_RPC_H

#include <stdbool.h>
#include <stdint.h>

#include "quicksilver.h"
#include "tests/support/hg_pair.h"
#include "tools/bench_fault_body.h"
#include "tools/bench_fault_ledger.h"

/* Where the target finds the ledger. */
#define NET_RPC_LEDGER_FD 3

/* Registers one RPC for each method; fails the case. */
void net_rpc_register(hg_class_t *hg_class, hg_rpc_cb_t handler, hg_id_t ids[BENCH_FAULT_METHODS]);
/* The body of a call or its answer, in memory that stays until the next one. One call in 64 has a large one. */
void net_rpc_fill(struct hg_pair_blob *blob, uint64_t number, enum bench_fault_side side);
bool net_rpc_is_filled(const struct hg_pair_blob *blob, uint64_t number, enum bench_fault_side side);

#endif /* NET_RPC_H */
