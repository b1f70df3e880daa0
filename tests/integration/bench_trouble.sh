#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Whatever happens to the server, hg_bench ends in bounded time with exit code 2 and says why; and
# with --verify it finds the byte that a lying server changed.
HG_BENCH=$1
BENCH_LIAR=$2
# shellcheck source=tests/integration/tool_common.sh
. "$(dirname "$0")/tool_common.sh"

check unknown_protocol exits 2 "$HG_BENCH" --provider carrier-pigeon --duration 20ms --quiet
check unknown_protocol_is_named prints 'carrier-pigeon'
check nobody_listens_tcp exits 2 "$HG_BENCH" lat tcp://127.0.0.1:1 --timeout 2 --quiet
check nobody_listens_says_why prints FAILED
check nobody_listens_shm exits 2 "$HG_BENCH" lat shm://nobody-1-2-3 --timeout 2 --quiet
check garbage_address exits 2 "$HG_BENCH" lat tcp://not.a.host.invalid:x --timeout 2 --quiet
check address_in_use start_server tcp://127.0.0.1
check address_in_use_is_refused exits 2 "$HG_BENCH" server "$address"
check address_in_use_says_why test -s "$work/err"
kill "$server"
wait "$server" 2>/dev/null

# has_child PID: and $child is it.
has_child() {
    child=$(cat "/proc/$1/task/$1/children" 2>/dev/null)
    child=${child%% *}
    [ -n "$child" ]
}

# dies PROTOCOL SIGNAL: the server's process gets the signal while calls are under way.
dies() {
    local start bench
    "$HG_BENCH" rate --provider "$1" --duration 20 --runs 1 --warmup 100ms --timeout 1 --quiet \
        >"$work/out" 2>"$work/err" &
    bench=$!
    keep $bench
    wait_for 10 has_child "$bench" || return 1
    sleep 0.6
    start=$SECONDS
    kill "-$2" "$child"
    wait "$bench"
    code=$?
    kill -KILL "$child" 2>/dev/null
    cat "$work/out" "$work/err"
    [ "$code" = 2 ] && prints FAILED && [ $((SECONDS - start)) -lt 15 ]
}

for protocol in tcp shm; do
    check "killed_server_$protocol" dies $protocol KILL
    check "killed_server_is_named_$protocol" prints 'signal 9'
    check "stopped_server_$protocol" dies $protocol STOP
done

# Somebody else's server cannot be waited for: the library or the time-out must notice.
remote_dies() {
    start_server "$1" || return 1
    "$HG_BENCH" rate "$address" --duration 20 --runs 1 --timeout 1 --quiet >"$work/out" \
        2>"$work/err" &
    bench=$!
    keep $bench
    sleep 0.6
    kill -KILL "$server"
    wait "$bench"
    code=$?
    cat "$work/out" "$work/err"
    [ $code = 2 ] && prints FAILED
}
check killed_remote_tcp remote_dies tcp://127.0.0.1
check killed_remote_shm remote_dies shm

# A client that dies must not take the server with it.
survives() {
    start_server "$1" || return 1
    "$HG_BENCH" rate "$address" --duration 20 --runs 1 --window 64 --quiet >/dev/null 2>&1 &
    bench=$!
    keep $bench
    sleep 0.6
    kill -KILL $bench
    wait $bench 2>/dev/null
    exits 0 "$HG_BENCH" rate "$address" --duration 50ms --warmup 5ms --runs 1 --verify --quiet ||
        return 1
    kill -TERM "$server"
    wait "$server"
}
check server_survives_client_tcp survives tcp://127.0.0.1
check server_survives_client_shm survives shm

"$BENCH_LIAR" tcp://127.0.0.1 >"$work/liar" 2>"$work/liar.err" &
liar=$!
keep $liar
wait_for 10 test -s "$work/liar"
short=(--duration 20ms --warmup 0 --runs 1 --quiet)
check lie_in_echo exits 2 "$HG_BENCH" rate "$(cat "$work/liar")" "${short[@]}" --size 64 --verify
check lie_in_echo_offset prints 'at offset 37'
check lie_in_push exits 2 "$HG_BENCH" bw "$(cat "$work/liar")" "${short[@]}" --size 64k --op push --verify
check lie_in_push_offset prints 'wrong bytes'
check lie_unseen_without_verify exits 0 "$HG_BENCH" rate "$(cat "$work/liar")" "${short[@]}" --size 64
finish
