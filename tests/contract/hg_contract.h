/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The tables of cases that make up the contract of the RPC interface. Each is in the file of its name and
 * holds for every provider; hg_main.c runs them all for the one that it is given.
 */
#ifndef HG_CONTRACT_H
#define HG_CONTRACT_H

#include "tests/support/hg_pair.h"

extern const struct support_case hg_addr_cases[];
extern const struct support_case hg_admit_cases[];
extern const struct support_case hg_bulk_cases[];
extern const struct support_case hg_bulk_safety_cases[];
extern const struct support_case hg_call_cases[];
extern const struct support_case hg_callback_cases[];
extern const struct support_case hg_cancel_cases[];
extern const struct support_case hg_cancelled_cases[];
extern const struct support_case hg_context_cases[];
extern const struct support_case hg_flow_cases[];
extern const struct support_case hg_deadline_cases[];
extern const struct support_case hg_drain_cases[];
extern const struct support_case hg_fork_cases[];
extern const struct support_case hg_life_cases[];
extern const struct support_case hg_memory_cases[];
extern const struct support_case hg_misuse_cases[];
extern const struct support_case hg_oneway_cases[];
extern const struct support_case hg_nested_cases[];
extern const struct support_case hg_options_cases[];
extern const struct support_case hg_overflow_cases[];
extern const struct support_case hg_payload_cases[];
extern const struct support_case hg_peers_cases[];
extern const struct support_case hg_progress_cases[];
extern const struct support_case hg_register_cases[];
extern const struct support_case hg_result_cases[];
extern const struct support_case hg_self_cases[];
extern const struct support_case hg_signal_cases[];
extern const struct support_case hg_stats_cases[];
extern const struct support_case hg_timeout_cases[];

#endif /* HG_CONTRACT_H */
