#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Pulls the cable of an RDMA device of the emulated machine and plugs it in again, under calls of the origin that uses it
# (hg_peers). Skipped where the kernel has no such devices.
#
#   rdma_partition.sh PROGRAM
set -eu
if [ -z "${QS_VM_RDMA1:-}" ]; then
    echo "the machine has no RDMA devices"
    exit 77
fi
# Its input is open until this script has ended.
coproc target { exec "$1" --role target "verbs://${QS_VM_RDMA0:?}" verbs; }
read -r address <&"${target[0]}"
trap 'ip link set w1 up' EXIT
"$1" --role partition "$address" "verbs://$QS_VM_RDMA1" w1
