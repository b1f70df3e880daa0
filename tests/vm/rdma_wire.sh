#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# What the rows of verbs stand on: both RDMA devices of the emulated machine are active, and what goes from one to the
# other goes over a wire that netem acts on. Skipped where the kernel has no such devices.
set -eu
if [ -z "${QS_VM_RDMA1:-}" ]; then
    echo "the machine has no RDMA devices"
    exit 77
fi
[ "$(ibv_devinfo | grep -c PORT_ACTIVE)" = 2 ] || { ibv_devinfo && exit 1; }

trap 'tc qdisc del dev r0 root 2>/dev/null || true' EXIT
tc qdisc add dev r0 root netem delay 100ms
timeout 30 rping -s -a "$QS_VM_RDMA1" -C 5 -v &
server=$!
# A connection and five messages: eleven times 100 ms at least.
begin=${EPOCHREALTIME/./}
for _ in $(seq 50); do
    # shellcheck disable=SC2153 # both are from guest.sh
    if timeout 20 rping -c -a "$QS_VM_RDMA1" -I "$QS_VM_RDMA0" -C 5 -v; then
        took=$((${EPOCHREALTIME/./} - begin))
        wait "$server" || true
        echo "five messages took $((took / 1000)) ms"
        [ "$took" -ge 600000 ]
        exit
    fi
    begin=${EPOCHREALTIME/./}
    sleep 0.1
done
echo "rping does not reach its server" >&2
exit 1
