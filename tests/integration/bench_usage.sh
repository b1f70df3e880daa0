#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# A command line that hg_bench cannot honour ends with exit code 1 and a message that names what
# was wrong, before anything is measured.
HG_BENCH=$1
# shellcheck source=tests/integration/tool_common.sh
. "$(dirname "$0")/tool_common.sh"

# refuses WORD ARGS...: exit code 1, WORD in the message, nothing on stdout.
refuses() {
    local word=$1
    shift
    exits 1 "$HG_BENCH" "$@" && says "$word" && is_empty "$work/out"
}

check unknown_command refuses '"frobnicate"' frobnicate
check unknown_option refuses '--frobnicate' --frobnicate
check missing_value refuses '--size' lat --size
check value_not_wanted refuses '--verify=3' --verify=3
check bad_size_is_named refuses '"64q,3"' rate --size 1,64q,3
check size_too_large refuses '--size' rate --size 1G
check too_much_memory refuses '4G' bw --size 1G --window 64
check bulk_of_nothing refuses '--size' bw --size 0
check bad_window refuses '--window' rate --window 0
check window_of_lat refuses '--window' lat --window 4
check size_without_command refuses '--size' --size 64
check op_without_bw refuses '--op' rate --op push
check bad_op refuses '"sideways"' bw --op sideways
check no_latency_of_lat refuses '--no-latency' lat --no-latency
check bad_duration refuses '--duration' lat --duration soon
check zero_duration refuses '--duration' lat --duration 0
check bad_runs refuses '--runs' lat --runs 0
check bad_pin refuses '--pin' lat --pin here
check busy_and_block refuses '--block' lat --busy --block
check bad_address refuses '"somewhere"' lat somewhere
check too_many_words refuses '"two"' lat tcp://1.2.3.4:1 two
check two_on_stdout refuses '--csv -' --json - --csv -
check unwritable_json refuses '/nonexistent/x' --json /nonexistent/x
check json_for_server refuses '--json' server --json x
check addr_file_for_client refuses '--addr-file' lat --addr-file x
check two_providers_one_server refuses '--provider' server --provider tcp,shm
check address_for_fault refuses 'no address' fault tcp://127.0.0.1:7000
check csv_for_fault refuses '--csv' fault --csv x
check runs_of_fault refuses '--runs' fault --runs 2
check two_windows_of_fault refuses '--window' fault --window 1,2
check size_too_small_for_fault refuses '--size' fault --size 7
check pinned_fault refuses '--pin' fault --pin 0,1
check bad_seed refuses '--seed "soon"' fault --seed soon
check bad_interval refuses '--interval' fault --interval 1ms
check seed_without_fault refuses '--seed' rate --seed 1
check interval_without_fault refuses '--interval' --interval 1
check ledger_of_client refuses '--ledger' rate --ledger 3
check bad_ledger refuses '--ledger "x"' server --ledger x
check help_is_on_stdout exits 0 "$HG_BENCH" --help
check help_names_commands prints 'hg_bench server'
check version exits 0 "$HG_BENCH" --version
check version_names_libfabric prints libfabric
finish
