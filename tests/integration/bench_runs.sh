#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# hg_bench measures: without arguments (made short), by its commands, against a server that is
# already there, sleeping as well as spinning; and its reports can be read by programs.
HG_BENCH=$1
# shellcheck source=tests/integration/tool_common.sh
. "$(dirname "$0")/tool_common.sh"
schema() { python3 "$(dirname "$0")/bench_schema.py" "$@"; }
short=(--duration 30ms --warmup 5ms --runs 2)

check whole_run exits 0 "$HG_BENCH" "${short[@]}" --json "$work/all.json" --csv "$work/all.csv"
cp "$work/out" "$work/table"
check whole_run_table grep -q 'bw push *16M' "$work/table"
check whole_run_says_same_machine grep -q 'share this machine' "$work/table"
check whole_run_shows_progress says 'window'
check whole_run_schema schema "$work/all.json" "$work/all.csv" --tests first,lat,rate,bw \
    --protocols tcp,shm

check quiet_json_on_stdout exits 0 "$HG_BENCH" rate "${short[@]}" --provider tcp --size 0,1,5000,100k \
    --window 1,8 --quiet --json -
check quiet_is_quiet is_empty "$work/err"
cp "$work/out" "$work/rate.json"
check rate_schema schema "$work/rate.json" --tests first,rate --protocols tcp
check csv_on_stdout exits 0 "$HG_BENCH" lat "${short[@]}" --provider shm --quiet --csv -
check csv_has_two_rows test "$(wc -l <"$work/out")" = 3
check block_works exits 0 "$HG_BENCH" lat "${short[@]}" --block --pin none --quiet
for wait in --busy --block; do
    check "without_latency$wait" exits 0 "$HG_BENCH" rate "${short[@]}" --no-latency --window 1,16 --quiet $wait \
        --json "$work/count.json" --csv "$work/count.csv"
    check "without_latency_schema$wait" schema "$work/count.json" "$work/count.csv" --tests first,rate
done
check bulk_without_latency exits 0 "$HG_BENCH" bw "${short[@]}" --no-latency --size 64k --quiet
check without_batching exits 0 "$HG_BENCH" rate "${short[@]}" --no-batch --window 16 --quiet

for protocol in tcp shm; do
    for wait in --busy --block; do
        check "verify_rate_$protocol$wait" exits 0 "$HG_BENCH" rate "${short[@]}" --provider "$protocol" \
            --size 1,64,4000,70000,1M --window 1,16 --verify --quiet $wait
        check "verify_bw_$protocol$wait" exits 0 "$HG_BENCH" bw "${short[@]}" --provider "$protocol" \
            --size 1,4097,100k,3M --window 1,4 --verify --quiet $wait
    done
done

for info in tcp://127.0.0.1 shm; do
    check "server_$info" start_server "$info"
    check "server_prints_address_$info" grep -qF "$address" "$work/server.out"
    check "client_of_$info" exits 0 "$HG_BENCH" rate "$address" "${short[@]}" --quiet
    check "second_client_of_$info" exits 0 "$HG_BENCH" bw "$address" "${short[@]}" --size 64k --quiet
    kill -TERM "$server"
    wait "$server"
    check "server_leaves_cleanly_$info" test $? = 0
    check "server_says_nothing_$info" is_empty "$work/server.err"
done
finish
