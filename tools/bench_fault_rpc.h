/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The calls of `hg_bench fault`: three RPCs, which differ in what their repetition means.
 */
#ifndef TOOLS_BENCH_FAULT_RPC_H
#define TOOLS_BENCH_FAULT_RPC_H

#include "tools/bench_fault_body.h"
#include "tools/bench_fault_ledger.h"
#include "tools/bench_rpc.h"

#include <stdbool.h>

/* Registers the three; `handler` is NULL at the client, `data` is what HG_Registered_data gives. */
bool bench_fault_register(hg_class_t *hg_class, hg_rpc_cb_t handler, void *data, hg_id_t ids[BENCH_FAULT_METHODS]);

#endif
