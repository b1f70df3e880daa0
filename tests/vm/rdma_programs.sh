#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Programs that know nothing of RDMA (services as they are written for Mercury, the examples) over a device of the
# emulated machine, in TAP. Skipped where its kernel has none.
#
#   rdma_programs.sh BUILD
set -u
if [ -z "${QS_VM_RDMA0:-}" ]; then
    echo "1..0 # SKIP the machine has no RDMA devices"
    exit 0
fi
build=$1
protocol=verbs://$QS_VM_RDMA0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
number=0

# run NAME COMMAND...: what a failing one has written follows as a comment.
run()
{
    local name=$1

    shift
    number=$((number + 1))
    if "$@" >"$log" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name: status $?"
        sed 's/^/# /' "$log"
    fi
}

for program in "$build"/tests/compat/compat-*; do
    # Those that look at the headers call nobody.
    case $program in
    *.p | *.a | *-headers* | *-utility*) continue ;;
    esac
    run "$(basename "$program")" "$program" "$protocol"
done
run examples tests/integration/examples.sh "$build/examples/target" "$build/examples/origin" examples "$protocol"
echo "1..$number"
