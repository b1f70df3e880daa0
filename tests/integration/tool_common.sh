# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Sourced by the tests of the tools. A check that fails is printed and counted; `finish` turns the
# counts into the closing line and the exit status. Processes started with `keep` die with the test.
set -u

passed=0
failed=0
kept=""
work=$(mktemp -d "${TMPDIR:-/tmp}/qs-tool-XXXXXX")

clean_up() {
    for pid in $kept; do
        kill -CONT "$pid" 2>/dev/null
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap clean_up EXIT

keep() { kept="$kept $1"; }

# check NAME COMMAND...: the promise NAME holds if COMMAND succeeds.
check() {
    local name=$1
    shift
    if "$@" >"$work/check.out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name: $*"
        sed 's/^/    /' "$work/check.out"
    fi
}

# exits CODE COMMAND...: whether it ends with CODE; its output is in $work/out and $work/err. A
# command that takes longer than 40 s (more under sanitizers) counts as hanging.
exits() {
    local code=$1 got
    shift
    timeout -k 2 $((40 * ${SUPPORT_SLOWNESS:-1})) "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" = "$code" ] && return 0
    echo "exit code $got, wanted $code; stdout:"
    cat "$work/out"
    echo "stderr:"
    cat "$work/err"
    return 1
}

says() { grep -qF -- "$1" "$work/err"; }
prints() { grep -qF -- "$1" "$work/out"; }
is_empty() { [ ! -s "$1" ]; }

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
    local rounds=$(($1 * 50))
    shift
    while [ "$rounds" -gt 0 ]; do
        "$@" && return 0
        rounds=$((rounds - 1))
        sleep 0.02
    done
    return 1
}

# start_server INFO: listens in the background; $server is its pid, $address where.
start_server() {
    rm -f "$work/address"
    "$HG_BENCH" server "$1" --addr-file "$work/address" >"$work/server.out" 2>"$work/server.err" &
    server=$!
    keep "$server"
    wait_for 10 test -s "$work/address" || return 1
    address=$(cat "$work/address")
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}
