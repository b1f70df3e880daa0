# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
# shellcheck shell=bash
#
# What is run in the emulated machine, in this order (run.sh reads it):
#
#   row NAME SETS SECONDS COMMAND...
#
# SETS: those that it belongs to, with commas: test (./run vm-test), smoke (./run vm-smoke). It is ended after so many
# seconds. The command starts in the checkout; $B is the build folder. One that reports in TAP counts with its cases,
# another one by its status: 0, or 77 for "skipped". Programs of the build must be built by default.
fault=$B/tests/fault/fault
network=("$B/tests/fault/fault-hg_network" "$B/tests/fault/net_relay")
bench=$B/tools/hg_bench
# Of three methods, with a ledger, while the server is killed, stopped and restarted.
faults=("$bench" fault --quiet --seed 1 --block --timeout 5)
# Few and short: each call takes a tenth of a second.
calls=(rate --verify --size "64,16k" --window 16 --runs 1 --duration 2)
moves=(bw --verify --op "pull,push" --size "64k,512k" --runs 1 --duration 3)
move=(bw --verify --op "pull,push" --size 256k --runs 1 --duration 2)

# --- two hosts, and what netem does to their wire -----------------------------------------------------------------
row tcp-calls-loss1 smoke,test 90 tests/vm/wire.sh "delay 25ms loss 1%" "$bench" "${calls[@]}"
row tcp-bulk-loss1 smoke,test 90 tests/vm/wire.sh "delay 25ms loss 1%" "$bench" "${move[@]}"
row tcp-killed smoke,test 90 tests/vm/wire.sh --kill "delay 25ms loss 1%" "$bench" "${calls[@]}"
row tcp-calls-loss5 test 120 tests/vm/wire.sh "delay 25ms 10ms loss 5%" "$bench" "${calls[@]}"
row tcp-bulk-loss5 test 120 tests/vm/wire.sh "delay 25ms 10ms loss 5%" "$bench" "${moves[@]}"
row tcp-bulk-reorder test 120 tests/vm/wire.sh "delay 10ms reorder 25% 50%" "$bench" "${moves[@]}"
row tcp-network test 600 tests/fault/hg_network.sh "${network[@]}"
row tcp-partition test 180 tests/fault/hg_partition.sh "$fault-hg_peers"

# --- one host, whose own network is bad as well --------------------------------------------------------------------
row tcp-faults test 120 tests/vm/alone.sh "delay 25ms loss 1%" "${faults[@]}" --provider tcp --duration 15
row shm-faults test 120 tests/vm/alone.sh "delay 25ms loss 5%" "${faults[@]}" --provider shm --duration 15
row tcp-peers test 400 tests/vm/alone.sh "" "$fault-hg_peers" tcp
row shm-peers test 400 tests/vm/alone.sh "loss 5%" "$fault-hg_peers" shm

# --- RDMA: rxe0 at $QS_VM_RDMA0 and rxe1 at $QS_VM_RDMA1, with a wire between them ----------------------------------
row verbs-wire smoke,test 60 tests/vm/rdma_wire.sh
row verbs-calls smoke,test 90 "$bench" rate --provider verbs --verify --size "64,16k" --window "1,16" --runs 1 --duration 1
row verbs-bulk smoke,test 90 "$bench" bw --provider verbs --verify --op "pull,push" --size "1,4095,1M" --runs 1 --duration 1
row verbs-bulk-large test 240 "$bench" bw --provider verbs --verify --op "pull,push" --size "100001,16M,64M" --runs 1 --duration 1 --timeout 60
row verbs_rxm-calls test 120 env FI_UNIVERSE_SIZE=16 "$bench" rate --provider "verbs;ofi_rxm" --verify --size "64,16k" --window "1,16" --runs 1 --duration 1
row verbs_rxm-bulk test 120 env FI_UNIVERSE_SIZE=16 "$bench" bw --provider "verbs;ofi_rxm" --verify --op "pull,push" --size "1,4095,1M" --runs 1 --duration 1
row verbs-faults smoke,test 120 "${faults[@]}" --provider verbs --duration 8
row verbs-registration test 120 "$B/tests/perf/test-registration" verbs
row verbs-memlock test 240 tests/vm/rdma_memlock.sh "$bench"
row verbs-na test 900 "$B/tests/contract/na-contract" verbs
row verbs-hg test 1800 "$B/tests/contract/hg-contract" verbs
row verbs-death test 400 "$fault-hg_death" verbs
row verbs-peers test 400 "$fault-hg_peers" verbs
row verbs-canary test 400 "$fault-hg_canary" verbs
row verbs-revoke test 400 "$fault-na_revoke" verbs
row verbs-calls-loss1 test 300 tests/vm/wire.sh --verbs "delay 25ms loss 1%" "$bench" "${calls[@]}"
row verbs-bulk-loss1 test 300 tests/vm/wire.sh --verbs "delay 25ms loss 1%" "$bench" "${moves[@]}"
row verbs-calls-loss5 test 400 tests/vm/wire.sh --verbs "delay 25ms loss 5%" "$bench" "${calls[@]}"
row verbs-bulk-loss5 test 400 tests/vm/wire.sh --verbs "delay 25ms loss 5%" "$bench" "${moves[@]}"
row verbs-killed test 120 tests/vm/wire.sh --verbs --kill "delay 25ms loss 1%" "$bench" "${calls[@]}"
row verbs-network test 400 tests/vm/rdma_network.sh "$fault-hg_network"
row verbs-partition test 180 tests/vm/rdma_partition.sh "$fault-hg_peers"
row verbs-programs test 400 tests/vm/rdma_programs.sh "$B"
row verbs-stress test 400 "$B/tests/stress/stress-hg" verbs
row verbs-absent test 120 tests/vm/rdma_absent.sh "$fault-hg_absent"
