/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contract of the RPC interface, run for one provider: `hg_contract tcp`. A provider that this
 * machine does not have skips every case; tcp and shm must be there.
 */
#include "tests/contract/hg_contract.h"

#include <string.h>

/* What the transport has a part in. */
static const struct support_case *const tables[] = {
    hg_call_cases,        hg_overflow_cases,
    hg_oneway_cases,      hg_life_cases,
    hg_cancel_cases,      hg_timeout_cases,
    hg_flow_cases,        hg_context_cases,
    hg_progress_cases,    hg_bulk_cases,
    hg_options_cases,     hg_fork_cases,
    hg_nested_cases,      hg_payload_cases,
    hg_callback_cases,    hg_memory_cases,
    hg_deadline_cases,    hg_cancelled_cases,
    hg_result_cases,      hg_peers_cases,
    hg_admit_cases,       hg_drain_cases,
    hg_stats_cases,       hg_signal_cases,
    hg_bulk_safety_cases, NULL,
};

/* With what it has no part in: enough to be run for one provider with addresses that have ports, and one without. */
static const struct support_case *const all_tables[] = {
    hg_addr_cases,   hg_admit_cases,    hg_drain_cases,    hg_register_cases, hg_self_cases,        hg_misuse_cases,
    hg_call_cases,   hg_overflow_cases, hg_oneway_cases,   hg_life_cases,     hg_cancel_cases,      hg_timeout_cases,
    hg_flow_cases,   hg_context_cases,  hg_progress_cases, hg_bulk_cases,     hg_options_cases,     hg_fork_cases,
    hg_nested_cases, hg_payload_cases,  hg_callback_cases, hg_memory_cases,   hg_deadline_cases,    hg_cancelled_cases,
    hg_result_cases, hg_peers_cases,    hg_stats_cases,    hg_signal_cases,   hg_bulk_safety_cases, NULL,
};

int main(int argc, char **argv)
{
    const char *provider = argc > 1 ? argv[argc - 1] : "";
    bool all = strcmp(provider, "tcp") == 0 || strcmp(provider, "tcp+sm") == 0 || strcmp(provider, "shm") == 0;

    return support_suite_main(argc, argv, all ? all_tables : tables, NULL);
}
