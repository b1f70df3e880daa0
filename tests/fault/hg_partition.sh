#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Two network namespaces that lose their link: the origin, in one of them, takes its interface down and up again and
# checks what its calls do meanwhile. Skipped (77) where namespaces cannot be made.
#
#   hg_partition.sh PROGRAM
set -eu
program=$(realpath "$1")
netns="$(dirname "$0")/../support/netns.sh"

# The target serves until its input ends: the pipe keeps it open.
# shellcheck disable=SC2016 # A is for the shells inside.
exec "$netns" run \
    "sleep 80 | $program --role target tcp://\$A:7411 tcp" \
    "$program --role partition tcp://\$A:7411 tcp v0"
