#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Runs the rows of a set, or those named, one after the other in the emulated machine and ends with the line
# `N passed, N failed, N skipped`. What a row printed is kept in $QS_VM_SHARE/NAME.log, and shown if it failed.
#
#   run.sh SET BUILD [NAME...]
set -u
set_wanted=$1
B=$2
shift 2
names=" $* "
passed=0
failed=()
skipped=0
# An emulated processor is slower by about that, and limits must be longer.
export SUPPORT_SLOWNESS=${SUPPORT_SLOWNESS:-10}
# libpsm2 and libpsm_infinipath, which come with libfabric, would leave files beside programs that abort.
export HFI_NO_BACKTRACE=1 IPATH_NO_BACKTRACE=1

is_wanted()
{
    if [[ $names != "  " ]]; then
        [[ $names == *" $1 "* ]]
    else
        [[ ,$2, == *",$set_wanted,"* ]]
    fi
}

# Counts the cases in a log in TAP; fails when it is none.
count_cases()
{
    local name=$1 line tap=0

    while IFS= read -r line; do
        case $line in
        1..[0-9]*)
            tap=1
            [[ $line != 1..0* ]] || skip_case "$name" "${line#*SKIP}"
            ;;
        "ok "*"# SKIP"*) skip_case "$name" "${line#ok * - }" ;;
        "ok "*) good=$((good + 1)) ;;
        "not ok "*) bad+=("$name: ${line#not ok * - }") ;;
        esac
    done
    [[ $tap == 1 ]]
}

skip_case()
{
    skipped=$((skipped + 1))
    printf 'SKIP %s: %s\n' "$1" "${2# }"
}

row()
{
    local name=$1 log=$QS_VM_SHARE/$1.log status=0 begin=$SECONDS good=0 bad=()

    is_wanted "$name" "$2" || return 0
    timeout --kill-after=5 "$3" "${@:4}" </dev/null >"/tmp/$name.log" 2>&1 || status=$?
    if count_cases "$name" <"/tmp/$name.log"; then
        [[ $status == 0 || $status == 77 || ${#bad[@]} != 0 ]] || bad+=("$name: status $status")
    elif [[ $status == 0 ]]; then
        good=1
    elif [[ $status == 77 ]]; then
        skip_case "$name" "$(tail -n 1 "/tmp/$name.log")"
    else
        bad+=("$name: status $status")
    fi
    cp "/tmp/$name.log" "$log"
    passed=$((passed + good))
    failed+=("${bad[@]}")
    if [[ ${#bad[@]} != 0 ]]; then
        sed 's/^/    /' "/tmp/$name.log"
        printf 'FAIL %s (%d s): %s\n' "$name" $((SECONDS - begin)) "${bad[*]}"
    elif [[ $good != 0 ]]; then
        printf 'PASS %s (%d s)\n' "$name" $((SECONDS - begin))
    fi
}

# shellcheck source=tests/vm/rows.sh
. "$(dirname "${BASH_SOURCE[0]}")/rows.sh"
for name in "${failed[@]}"; do
    printf 'failed: %s\n' "$name"
done
printf '%d passed, %d failed, %d skipped\n' "$passed" "${#failed[@]}" "$skipped"
[[ ${#failed[@]} == 0 && $((passed + skipped)) != 0 ]]
