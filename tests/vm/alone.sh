#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Runs a command in host h0 of the emulated machine while netem does something to what this host sends to itself.
#
#   alone.sh NETEM COMMAND...
set -eu
netem=$1
shift
trap 'h0 tc qdisc del dev lo root 2>/dev/null || true' EXIT
if [ -n "$netem" ]; then
    # shellcheck disable=SC2086 # words of tc
    h0 tc qdisc add dev lo root netem $netem
fi
h0 "$@"
