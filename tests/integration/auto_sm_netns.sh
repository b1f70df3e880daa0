#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# A class with shared memory besides tcp, called from another network namespace: over tcp, for names in shared
# memory belong to a namespace. Skipped where namespaces cannot be made.
set -eu
auto_sm=$1
netns="$(dirname "$0")/../support/netns.sh"

# The server says its address when it is ready, and serves until its input ends: the pipe keeps it open.
# shellcheck disable=SC2016 # A is for the shells inside.
exec "$netns" run \
    "sleep 60 | $auto_sm --role target tcp://\$A:5555 tcp+sm" \
    "$auto_sm --role caller tcp://\$A:5555 tcp+sm"
