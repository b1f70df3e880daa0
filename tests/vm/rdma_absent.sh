#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Peers of RDMA devices of the emulated machine whose hardware address nobody tells (hg_absent): one that is not there, and one
# while packets get lost. Skipped where the kernel has no such devices.
#
#   rdma_absent.sh PROGRAM
set -eu
if [ -z "${QS_VM_RDMA1:-}" ]; then
    echo "the machine has no RDMA devices"
    exit 77
fi
export LOSE="tc qdisc add dev r1 root netem loss 100%" FOUND="tc qdisc del dev r1 root"

# Its input is open until this script has ended.
coproc target { exec "$1" --role target "verbs://${QS_VM_RDMA0:?}" verbs; }
read -r address <&"${target[0]}"
trap 'tc qdisc del dev r1 root 2>/dev/null || true' EXIT
ip neigh flush dev r1
"$1" --role origin "verbs://$QS_VM_RDMA1" "$address" "verbs://${QS_VM_RDMA0%.*}.77:7411"
