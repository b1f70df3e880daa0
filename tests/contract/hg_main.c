/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contract of the RPC interface, run for one provider: `hg_contract tcp`. A provider that this
 * machine does not have skips every case; tcp and shm must be there.
 */
#include "tests/contract/hg_contract.h"

static const struct support_case *const tables[] = {
    hg_addr_cases,     hg_call_cases,     hg_overflow_cases, hg_oneway_cases, hg_life_cases,
    hg_cancel_cases,   hg_timeout_cases,  hg_self_cases,     hg_flow_cases,   hg_context_cases,
    hg_progress_cases, hg_register_cases, hg_misuse_cases,   hg_bulk_cases,   NULL,
};

int main(int argc, char **argv)
{
    return support_suite_main(argc, argv, tables, NULL);
}
