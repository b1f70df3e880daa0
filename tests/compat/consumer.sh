#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# An installed library serves those who look for Mercury: consumer.sh MESON BUILD SOURCE PREFIX LIBDIR INCLUDEDIR
# Installs BUILD below a folder of its own (so the tree is not where it was configured for, and its files must say
# where they are), then builds and runs the program in consumer/ with CMake, and with pkg-config alone.
# shellcheck source=tests/integration/tool_common.sh
. "$(dirname "$0")/../integration/tool_common.sh"

meson=$1
build=$2
source=$3
prefix=$4
libdir=$5
includedir=$6
consumer=$source/tests/compat/consumer
# shellcheck disable=SC2154 # work is in tool_common.sh
here=$work/root$prefix
export LD_LIBRARY_PATH=$here/$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

if ! command -v cmake >/dev/null || ! command -v pkg-config >/dev/null; then
    echo "skipped: no cmake or no pkg-config"
    exit 77
fi

answers() { exits 0 "$1" && prints "twice 21 is 42" && is_empty "$work/err"; }

# configures CODE VERSION [ARGUMENT...]: CMake's verdict when that version of Mercury is asked for.
configures() {
    local code=$1 wanted=$2
    shift 2
    rm -rf "$work/cmake"
    CMAKE_PREFIX_PATH=$here exits "$code" cmake -S "$consumer" -B "$work/cmake" -DWANTED="$wanted" "$@"
}
builds_by_cmake() { cmake --build "$work/cmake" && answers "$work/cmake/consumer"; }
is_version() { [ "$(cat "$work/cmake/version")" = "2.4.1 2.4" ]; }
needs_quicksilver() { ldd "$1" | grep -q "libquicksilver.so.0 => $here/$libdir/"; }

pkg() { PKG_CONFIG_PATH=$here/$libdir/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/root pkg-config "$@"; }
pkg_says() { local word=$1; shift; pkg "$@" | grep -qw -- "$word"; }
# By the linker's names alone, as Mercury's libraries are called.
builds_by_name() {
    ${CC:-cc} "$consumer/consumer.c" -o "$work/by_name" -I"$here/$includedir" -L"$here/$libdir" "$@" &&
        needs_quicksilver "$work/by_name" && answers "$work/by_name"
}
# builds_by_pkg NAME...: arguments of pkg-config; --static is what packages say who prefer to name all libraries.
builds_by_pkg() {
    # shellcheck disable=SC2046 # flags are words
    ${CC:-cc} "$consumer/consumer.c" -o "$work/by_pkg" $(pkg --cflags --libs "$@")
}

check "installs" env DESTDIR="$work/root" "$meson" install -C "$build" --no-rebuild
check "CMake finds Mercury" configures 0 ""
check "and says which version" is_version
check "an older one will do" configures 0 2.0
check "this very one will do" configures 0 2.4.1
check "a newer one will not" configures 1 2.5
check "configures again" configures 0 2.4
check "CMake builds the program" cmake --build "$work/cmake"
check "which is linked with this library" needs_quicksilver "$work/cmake/consumer"
check "and runs" answers "$work/cmake/consumer"

check "CMake finds MERCURY" configures 0 2.0 -DNAME=MERCURY "-DLINKED=mercury;na;mercury_util"
check "and builds the program with all its targets" builds_by_cmake
check "-lmercury links this library" builds_by_name -lmercury
check "-lmercury -lna -lmercury_util, too" builds_by_name -lmercury -lna -lmercury_util

check "pkg-config knows Mercury" pkg --exact-version=2.4.1 mercury
check "and its utility library" pkg --exact-version=4.1.0 mercury_util
check "and its network abstraction" pkg --exact-version=6.0.0 na
check "and that locks need the thread library" pkg_says -pthread --libs mercury_util
for name in mercury mercury_util na quicksilver; do
    check "$name.pc: builds the program" builds_by_pkg "$name"
    check "$name.pc: which runs" answers "$work/by_pkg"
    check "$name.pc: builds it with all libraries named" builds_by_pkg --static "$name"
    check "$name.pc: which runs, too" answers "$work/by_pkg"
done

# Without Mercury's names nothing lies where Mercury has files of its own.
plan_without() {
    "$meson" setup "$work/without" "$source" -Dcompat_names=false -Dtools=false -Dexamples=false -Dtests=false \
        --prefix="$prefix" --libdir="$libdir" --includedir="$includedir" || return 1
    "$meson" introspect "$work/without" --installed >"$work/plan"
}
plans() { grep -qF "$1" "$work/plan"; }
plans_not() { ! plans "$1"; }
check "configures without the names" plan_without
check "headers have a folder of their own" plans "$prefix/$includedir/quicksilver/mercury.h"
check "and no other" plans_not "$prefix/$includedir/mercury"
check "no mercury.pc" plans_not mercury.pc
check "no mercury_util.pc" plans_not mercury_util.pc
check "no na.pc" plans_not na.pc
check "no CMake package" plans_not mercury-config
check "no library of Mercury's name" plans_not libmercury
check "no library named na" plans_not libna
check "quicksilver.pc is there" plans quicksilver.pc
check "and names the folder" grep -q '^Cflags:.*/quicksilver' "$work/without/meson-private/quicksilver.pc"
finish
