#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# The examples do what the documents say, over tcp and shared memory, or what is named: examples.sh TARGET ORIGIN SOURCES
# [INFO...]
# shellcheck source=tests/integration/tool_common.sh
. "$(dirname "$0")/tool_common.sh"

target_program=$1
origin_program=$2
sources=$3
shift 3
[ $# -gt 0 ] || set -- tcp://127.0.0.1 shm

# start_target INFO: $target is its pid, $address where it listens.
start_target() {
    rm -f "$work/target.out"
    "$target_program" "$1" >"$work/target.out" 2>"$work/target.err" &
    target=$!
    keep "$target"
    wait_for 10 test -s "$work/target.out" || return 1
    address=$(head -n 1 "$work/target.out")
}

# sums COUNT RESULT: the origin's answer for the numbers from 1 to COUNT.
sums() {
    exits 0 "$origin_program" "$address" "$1" || return 1
    prints "from 1 to n: $2" && is_empty "$work/err"
}

two_at_once() {
    "$origin_program" "$address" 100000 >"$work/one.out" &
    one=$!
    "$origin_program" "$address" 200000 >"$work/two.out" || return 1
    wait "$one" || return 1
    grep -qF "from 1 to n: 10000100000" "$work/one.out" && grep -qF "from 1 to n: 40000200000" "$work/two.out"
}

ends_well() {
    kill -TERM "$target"
    wait "$target"
}

is_short() { [ "$(wc -l <"$1")" -le 80 ]; }

for protocol; do
    check "$protocol: target starts" start_target "$protocol"
    check "$protocol: a small sum" sums 1000 1001000
    check "$protocol: nothing to sum" sums 0 0
    check "$protocol: 12 MB to sum" sums 3000000 9000003000000
    check "$protocol: two origins at once" two_at_once
    check "$protocol: target ends well" ends_well
    check "$protocol: target complained of nothing" is_empty "$work/target.err"
    check "$protocol: nobody there" exits 1 "$origin_program" "$address"
    check "$protocol: the reason is given" grep -q 'call of sum to .*: .*NOT_SENT' "$work/err"
done
check "no address" exits 1 "$origin_program"
check "not an address" exits 1 "$origin_program" "nonsense://here"
check "target.c has at most 80 lines" is_short "$sources/target.c"
check "origin.c has at most 80 lines" is_short "$sources/origin.c"
finish
