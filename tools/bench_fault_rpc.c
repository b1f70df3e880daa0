/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_fault_rpc.h.
 */
#include "tools/bench_fault_rpc.h"

bool bench_fault_register(hg_class_t *hg_class, hg_rpc_cb_t handler, void *data, hg_id_t ids[BENCH_FAULT_METHODS])
{
    static const char *const names[BENCH_FAULT_METHODS] = {
        [TOOL_METHOD_ONCE] = "hg_bench/fault_once",
        [TOOL_METHOD_IDEMPOTENT] = "hg_bench/fault_idempotent",
        [TOOL_METHOD_AT_MOST_ONCE] = "hg_bench/fault_at_most_once",
    };

    for (unsigned int i = 0; i < BENCH_FAULT_METHODS; i++) {
        ids[i] = HG_Register_name(hg_class, names[i], bench_rpc_proc_echo, bench_rpc_proc_echo, handler);
        if (ids[i] == 0 || HG_Register_data(hg_class, ids[i], data, NULL) != HG_SUCCESS)
            return false;
    }
    return true;
}
