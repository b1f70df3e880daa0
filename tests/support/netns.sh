#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Two network namespaces joined by a veth pair, as two hosts on a wire of their own: NAME-a with
# 10.219.N.1 and NAME-b with 10.219.N.2, N taken from the name. Needs root and iproute2; exits 77
# ("skipped") where namespaces cannot be made.
#
#   netns.sh up NAME            makes them and prints both addresses
#   netns.sh addr NAME a|b      prints the address of a side
#   netns.sh in NAME a|b CMD... runs a command in a side
#   netns.sh down NAME          removes them, with whatever still runs in them
#   netns.sh run SERVER CLIENT  makes a pair, starts the command SERVER in side a, runs the command(s) CLIENT in
#                               side b, ends the server, removes the pair; the exit status is the
#                               client's. Both see $A and $B, the two addresses. CLIENT starts when
#                               SERVER has written its first line, or after a second.
set -eu

usage()
{
    sed -n '9,16s/^# *//p' "$0" >&2
    exit 1
}

side_addr()
{
    local number

    number=$(($(printf '%s' "$1" | cksum | cut -d' ' -f1) % 250))
    case "$2" in
    a) echo "10.219.$number.1" ;;
    b) echo "10.219.$number.2" ;;
    *) usage ;;
    esac
}

pair_down()
{
    local side pids

    for side in a b; do
        [ -e "/run/netns/$1-$side" ] || continue
        pids=$(ip netns pids "$1-$side")
        # Word by word: one argument for each process.
        # shellcheck disable=SC2086
        [ -z "$pids" ] || kill $pids 2>/dev/null || true
        ip netns del "$1-$side"
    done
}

pair_up()
{
    local side

    pair_down "$1"
    if ! ip netns add "$1-a" || ! ip netns add "$1-b"; then
        pair_down "$1"
        echo "netns.sh: cannot make network namespaces here" >&2
        exit 77
    fi
    # Interface names are short: the pair lives inside the namespaces, where v0 is free.
    if ! ip -n "$1-a" link add v0 type veth peer name v0 netns "$1-b"; then
        pair_down "$1"
        echo "netns.sh: cannot make a veth pair here" >&2
        exit 77
    fi
    for side in a b; do
        ip -n "$1-$side" addr add "$(side_addr "$1" "$side")/24" dev v0
        ip -n "$1-$side" link set v0 up
        ip -n "$1-$side" link set lo up
    done
}

pair_run()
{
    local name="qs$$" dir server status=0

    dir=$(mktemp -d)
    # Expanded now: the trap runs when the locals are gone.
    # shellcheck disable=SC2064
    trap "pair_down $name; rm -rf $dir" EXIT
    pair_up "$name"
    A=$(side_addr "$name" a)
    B=$(side_addr "$name" b)
    export A B
    ip netns exec "$name-a" sh -c "exec $1" >"$dir/server" &
    server=$!
    for _ in $(seq 100); do
        [ -s "$dir/server" ] && break
        sleep 0.01
    done
    ip netns exec "$name-b" sh -c "$2" || status=$?
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    sed 's/^/server: /' "$dir/server" >&2
    return "$status"
}

[ $# -ge 1 ] || usage
verb=$1
shift
case "$verb:$#" in
up:1)
    pair_up "$1"
    side_addr "$1" a
    side_addr "$1" b
    ;;
addr:2) side_addr "$1" "$2" ;;
in:[3-9] | in:[1-9][0-9])
    namespace="$1-$2"
    shift 2
    exec ip netns exec "$namespace" "$@"
    ;;
down:1) pair_down "$1" ;;
run:2) pair_run "$1" "$2" ;;
*) usage ;;
esac
