#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# memcheck.sh PROGRAM PROVIDER: runs the program under valgrind's memcheck. No invalid access, no use of what was never
# written, no descriptor and no memory left; what is libfabric's own is named in tests/support/valgrind.supp.
set -euo pipefail

program=$1
provider=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if ! command -v valgrind >/dev/null; then
    printf 'skipped: valgrind is not installed (./run deps installs it)\n'
    exit 77
fi
# Both want to be the allocator.
# grep reads all: with -q it would end before nm, whose status counts, too.
if nm -D "$program" 2>/dev/null | grep '__asan_init\|__tsan_init' >/dev/null; then
    printf 'skipped: built with a sanitizer, under which valgrind does not run\n'
    exit 77
fi
# The case runs in the very process, and the limits inside it leave room for valgrind's pace.
exec valgrind --tool=memcheck --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite \
    --errors-for-leak-kinds=definite --num-callers=30 --suppressions="$here/../support/valgrind.supp" \
    "$program" --no-fork "$provider"
