#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# rdma_memlock.sh HG_BENCH: what a limit on locked memory (ulimit -l) does over verbs. Too low for a class, it is refused; too
# low for a large transfer, that one is; calls and smaller ones are not. Both times the error names the limit.
set -u
bench=$1
if [ -z "${QS_VM_RDMA0:-}" ]; then
    echo "the machine has no RDMA devices"
    exit 77
fi
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# limited KIB ARGUMENTS...: runs hg_bench so, without the right to lock any amount, which root has.
limited() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock \
        bash -c 'ulimit -l "$1" && shift && exec "$@"' limited "$1" timeout 60 "$bench" "${@:2}" >"$out" 2>&1
}

# fails WHAT: the last run, whose status was $?, failed and said why.
fails() {
    local status=$?
    cat "$out"
    if [ "$status" = 0 ] || [ "$status" -ge 124 ] || ! grep -q 'ulimit -l' "$out"; then
        echo "$1: status $status, and no word of ulimit -l" >&2
        exit 1
    fi
}

# works WHAT: the last run did.
works() {
    local status=$?
    cat "$out"
    [ "$status" = 0 ] || { echo "$1: status $status" >&2 && exit 1; }
}

calls=(rate --provider verbs --size 64 --window 16 --runs 1 --duration 1)
limited 64 "${calls[@]}"
fails "a class with 64 KiB"
limited 65536 bw --provider verbs --op pull --size 128M --runs 1 --duration 1
fails "a transfer of 128 MiB with 64 MiB"
limited 65536 "${calls[@]}"
works "calls with 64 MiB"
limited 65536 bw --provider verbs --op "pull,push" --size 1M --runs 1 --duration 1
works "a transfer of 1 MiB with 64 MiB"
