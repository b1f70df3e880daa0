#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Runs the cases of the network in one side of a bad wire; where there can be none, they are skipped, and it says why.
#
#   hg_network.sh PROGRAM RELAY [ARGUMENTS OF THE PROGRAM]
set -eu
program=$(realpath "$1")
relay=$2
shift 2
why=$(mktemp)
trap 'rm -f "$why"' EXIT
status=0

"$(dirname "$0")/../support/netns.sh" run-bad "$relay" "$program" "$@" wire 2> >(tee "$why" >&2) || status=$?
if [ "$status" = 77 ]; then
    echo "1..0 # SKIP $(tail -1 "$why")"
    exit 0
fi
exit "$status"
