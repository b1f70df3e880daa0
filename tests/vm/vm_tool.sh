#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# What ./run vm promises: the command's output and status, whatever it is called with; an end in time; nothing left
# behind. Skipped (77) where there can be no emulated machine.
#
#   vm_tool.sh VM
vm=$1
# shellcheck source=tests/integration/tool_common.sh
. "$(dirname "$0")/../integration/tool_common.sh"
checkout=$(cd "$(dirname "$0")/../.." && pwd)

if ! "$vm" --check; then
    exit 77
fi

# ends STATUS ARGUMENTS...: of the tool; its output is in $work/out and $work/err.
ends()
{
    local status=0

    timeout 240 "$vm" "${@:2}" >"$work/out" 2>"$work/err" </dev/null || status=$?
    [ "$status" = "$1" ] && return 0
    echo "status $status, expected $1" && cat "$work/out" "$work/err"
    return 1
}

# is_exactly FILE TEXT
is_exactly()
{
    [ "$(cat "$work/$1" && echo .)" = "$2." ] && return 0
    echo "in $1:" && cat "$work/$1"
    return 1
}

mentions() { grep -qe "$2" "$work/$1" || { cat "$work/$1" && return 1; }; }

# No folder of a run is left that was not there, nor a machine of the run by that number.
left_nothing()
{
    local folder words

    for folder in "$checkout"/build-vm/run.*; do
        [ ! -d "$folder" ] || [[ $before == *"$folder"* ]] || { echo "$folder is left" && return 1; }
    done
    for words in /proc/[0-9]*/cmdline; do
        words=$(tr '\0' ' ' 2>/dev/null <"$words") || continue
        [[ $words != qemu-system-*"$checkout/build-vm/run.$1"* ]] || { echo "still there: $words" && return 1; }
    done
}

# Waits until the command of a machine in the background has begun, which says that its output comes live.
until_begun()
{
    for _ in $(seq 600); do
        ! grep -qs begun "$work/live" || return 0
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# ended_by SIGNAL STATUS: what it says of itself when that comes.
ended_by()
{
    local pid status=0 begin

    "$vm" sh -c 'echo begun; exec sleep 1000' >"$work/live" 2>"$work/err" </dev/null &
    pid=$!
    keep "$pid"
    until_begun "$pid" || { cat "$work/err" && return 1; }
    begin=$SECONDS
    kill -"$1" "$pid"
    wait "$pid" || status=$?
    [ "$status" = "$2" ] && [ $((SECONDS - begin)) -le 5 ] && left_nothing "$pid"
}

before=$(echo "$checkout"/build-vm/run.*)
share=$checkout/build-vm/share-of-test-$$
trap 'rm -rf "$share"; clean_up' EXIT

# Without a machine.
check unknown_option ends 125 --bogus true
check reason_of_unknown_option mentions err '--bogus'
check no_command ends 125 --hosts 3
check bad_number ends 125 --timeout soon true
check too_much_memory ends 77 --memory 1048576 true
check reason_of_too_much_memory mentions err '^vm: skipped: .*memory'

# One machine for all that a command may be asked. Its words must come as they are given.
# shellcheck disable=SC2016 # for the shell inside
script='printf "%s|" "$@" "$FROM_OPTION" "$QS_FROM_HERE" "$PWD"; ulimit -l
    test -d /sys/class/infiniband && h0 ip -o -4 addr show eth0 | grep -q "$QS_VM_H0/" && getent hosts h1 >/dev/null || echo bad machine
    printf kept >"$QS_VM_SHARE/kept"; printf lost >"lost-$$"; printf err >&2; sleep 1000 & exit 7'
# shellcheck disable=SC2016 # as it is
words=('a b' "it's" '"q"' '$HOME' '' '*' $'two\nlines' 'back\slash')
export QS_FROM_HERE='x  y'
check command_runs ends 7 --timeout 50 --share "$share" --env FROM_OPTION='o "p"' \
    --folder "$checkout/tests" -- sh -c "$script" sh "${words[@]}"
check stdout_is_the_commands_alone is_exactly out \
    "$(printf '%s|' "${words[@]}" 'o "p"' 'x  y' "$checkout/tests")unlimited
"
check stderr_is_the_commands_alone is_exactly err err
check share_keeps test "$(cat "$share/kept")" = kept
check checkout_is_not_written test -z "$(find "$checkout/tests" -name 'lost-*')"
check nothing_is_left left_nothing ''

# Ends that are not the command's.
check time_limit ends 124 --timeout 2 -- sh -c 'echo begun; sleep 1000'
check output_before_the_time_limit is_exactly out "begun
"
check reason_of_time_limit mentions err '^vm: .*time'
check term_ends_the_machine ended_by TERM 143

finish
