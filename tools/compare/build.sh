#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Builds hg_bench against an installed Mercury, so that both libraries are measured by one program:
#   tools/compare/build.sh MERCURY_PREFIX OUTPUT [LIBFABRIC_LIBDIR]
set -eu
if [ $# -lt 2 ]; then
    sed -n '5,6s/^# *//p' "$0" >&2
    exit 1
fi
prefix=$1
output=$2
libdir=${3:-}
top=$(cd "$(dirname "$0")/../.." && pwd)
generated=$(mktemp -d)
trap 'rm -rf "$generated"' EXIT

printf '#define BENCH_GIT_ID "%s"\n' \
    "$(git -C "$top" describe --always --dirty 2>/dev/null || echo unknown)" >"$generated/bench_git.h"
rpath="-Wl,-rpath,$prefix/lib"
[ -z "$libdir" ] || rpath="$rpath -Wl,-rpath,$libdir"
# shellcheck disable=SC2086 # rpath holds several words
${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O3 -g -Wall -I"$top" -I"$generated" -isystem "$prefix/include" \
    "$top"/tools/bench_*.c "$top"/tools/tool_parse.c "$top"/tools/tool_lib_mercury.c \
    "$top"/util/util_hist.c "$top"/util/util_clock.c "$top"/util/util_alloc.c \
    -o "$output" -L"$prefix/lib" -lmercury -lna -lmercury_util -ljson-c -lpthread $rpath
