#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Runs the cases of the network (hg_network) between the RDMA devices of the emulated machine; skipped where its kernel has
# none.
#
#   rdma_network.sh PROGRAM [ARGUMENTS OF THE PROGRAM]
set -eu
if [ -z "${QS_VM_RDMA1:-}" ]; then
    echo "1..0 # SKIP the machine has no RDMA devices"
    exit 0
fi
netns=$(realpath "$(dirname "$0")/../support/netns.sh")
export A=${QS_VM_RDMA0:?} B=$QS_VM_RDMA1 WIRE="$netns devices r0 r1"

trap 'tc qdisc del dev r0 root; tc qdisc del dev r1 root' EXIT
$WIRE both
# A bad wire is bad for IP alone, as it is in netns.sh.
ip neigh replace "$B" lladdr "$(</sys/class/net/r1/address)" dev r0 nud permanent
ip neigh replace "$A" lladdr "$(</sys/class/net/r0/address)" dev r1 nud permanent
"$@" verbs_wire
