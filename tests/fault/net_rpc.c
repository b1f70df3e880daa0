/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See net_rpc.h.
 */
#include "tests/fault/net_rpc.h"

enum { SMALL = 64, LARGE = 20000, LARGE_ONE_IN = 64 };

static size_t body_size(uint64_t number)
{
    return number % LARGE_ONE_IN == 0 ? LARGE : SMALL;
}

void net_rpc_register(hg_class_t *hg_class, hg_rpc_cb_t handler, hg_id_t ids[BENCH_FAULT_METHODS])
{
    for (unsigned int i = 0; i < BENCH_FAULT_METHODS; i++) {
        ids[i] = HG_Register_name(hg_class, bench_fault_method_name((enum tool_method)i), hg_pair_proc_blob,
                                  hg_pair_proc_blob, handler);
        SUPPORT_CHECK(ids[i] != 0);
    }
}

void net_rpc_fill(struct hg_pair_blob *blob, uint64_t number, enum bench_fault_side side)
{
    static unsigned char bytes[LARGE];

    blob->size = body_size(number);
    blob->data = bytes;
    bench_fault_body_fill(bytes, blob->size, number, side);
}

bool net_rpc_is_filled(const struct hg_pair_blob *blob, uint64_t number, enum bench_fault_side side)
{
    return blob->size == body_size(number) && bench_fault_body_check(blob->data, blob->size, number, side);
}
