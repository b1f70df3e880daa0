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
#   netns.sh run-bad RELAY CMD...
#                               makes a pair whose wire can be made bad, runs the command in side b, removes the
#                               pair; the exit status is the command's. It sees $A and $B, $NETNS_A and $NETNS_B
#                               (files to enter a side by), and $WIRE, a command to which it adds what
#                               happens to the packets that a side sends from then on:
#                                   a|b|both [delay MS] [jitter MS] [loss %] [duplicate %] [reorder %]
#                                   [rate MBIT/S] [cut]
#                               The wire is the kernel's netem on a veth pair where there is such a thing, else
#                               RELAY, the program net_relay, between two TAP devices; which, is printed.
#   netns.sh netem NAME SIDE... what $WIRE is with netem
#   netns.sh devices A B SIDE...
#                               the same for two devices of this namespace
set -eu

usage()
{
    sed -n '9,28s/^# *//p' "$0" >&2
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

spaces_up()
{
    pair_down "$1"
    if ! ip netns add "$1-a" || ! ip netns add "$1-b"; then
        pair_down "$1"
        echo "netns.sh: cannot make network namespaces here" >&2
        exit 77
    fi
}

# Interface names are short: the pair lives inside the namespaces, where v0 is free.
wire_up()
{
    ip -n "$1-a" link add v0 type veth peer name v0 netns "$1-b"
}

sides_up()
{
    local side

    for side in a b; do
        ip -n "$1-$side" addr add "$(side_addr "$1" "$side")/24" dev v0
        ip -n "$1-$side" link set v0 up
        ip -n "$1-$side" link set lo up
    done
}

pair_up()
{
    spaces_up "$1"
    if ! wire_up "$1"; then
        pair_down "$1"
        echo "netns.sh: cannot make a veth pair here" >&2
        exit 77
    fi
    sides_up "$1"
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

side_mac()
{
    ip -n "$1-$2" -o link show v0 | sed 's/.*link.ether \([0-9a-f:]*\).*/\1/'
}

# Hosts behind routers: their neighbours' addresses are never asked for, so that a bad wire is bad for IP alone.
neighbours_up()
{
    ip -n "$1-a" neigh replace "$(side_addr "$1" b)" lladdr "$(side_mac "$1" b)" dev v0 nud permanent
    ip -n "$1-b" neigh replace "$(side_addr "$1" a)" lladdr "$(side_mac "$1" a)" dev v0 nud permanent
}

# netem_set A B a|b|both [SETTING [VALUE]]...: in netem's words. A and B: a device, and its namespace if it is another one.
netem_set()
{
    local -A ends=([a]=$1 [b]=$2)
    local sides=$3 side device namespace words=()

    [ "$sides" != both ] || sides="a b"
    shift 3
    while [ $# -gt 0 ]; do
        case "$1:$#" in
        cut:*) words+=(loss 100%) && shift && continue ;;
        *:1) usage ;;
        delay:*) words=(delay "$2ms" "${words[@]}") ;;
        jitter:*) words=("${words[@]:0:2}" "$2ms" "${words[@]:2}") ;;
        loss:* | duplicate:* | reorder:*) words+=("$1" "$2%") ;;
        rate:*) words+=(rate "$2mbit") ;;
        *) usage ;;
        esac
        shift 2
    done
    for side in $sides; do
        read -r device namespace <<<"${ends[$side]}"
        tc ${namespace:+-n "$namespace"} qdisc replace dev "$device" root netem "${words[@]}"
    done
}

netem_set_pair()
{
    netem_set "v0 $1-a" "v0 $1-b" "${@:2}"
}

# A veth pair with netem on both sides, and nothing where the kernel has no netem.
netem_up()
{
    command -v tc >/dev/null || return 1
    wire_up "$1" 2>/dev/null || return 1
    if netem_set_pair "$1" both 2>/dev/null; then
        return 0
    fi
    ip -n "$1-a" link del v0
    return 1
}

# Ends with 77 where the relay cannot be had either, which has then said why.
relay_up()
{
    local name=$1 program=$2 dir=$3

    "$program" run "/run/netns/$name-a" "/run/netns/$name-b" v0 "$dir/wire" >"$dir/relay" &
    relay=$!
    for _ in $(seq 500); do
        [ ! -s "$dir/relay" ] || return 0
        kill -0 "$relay" 2>/dev/null || wait "$relay" || exit $?
        sleep 0.01
    done
    echo "netns.sh: the relay does not start" >&2
    exit 1
}

run_bad_end()
{
    [ -z "$relay" ] || kill "$relay" 2>/dev/null || true
    [ -z "$relay" ] || wait "$relay" || true
    [ ! -f "$2/relay" ] || sed '1d;s/^/# /' "$2/relay"
    pair_down "$1"
    rm -rf "$2"
}

run_bad()
{
    local name="qs$$" dir program

    program=$(realpath "$1")
    shift
    dir=$(mktemp -d)
    relay=
    # shellcheck disable=SC2064 # expanded now, as above
    trap "run_bad_end $name $dir" EXIT
    spaces_up "$name"
    if netem_up "$name"; then
        echo "# the wire: netem"
        WIRE="$(realpath "$0") netem $name"
    else
        relay_up "$name" "$program" "$dir"
        echo "# the wire: net_relay, as this kernel has no netem"
        WIRE="$program tell $dir/wire"
    fi
    sides_up "$name"
    neighbours_up "$name"
    A=$(side_addr "$name" a)
    B=$(side_addr "$name" b)
    NETNS_A=/run/netns/$name-a
    NETNS_B=/run/netns/$name-b
    export A B NETNS_A NETNS_B WIRE
    ip netns exec "$name-b" "$@"
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
run-bad:[2-9]) run_bad "$@" ;;
netem:[2-9] | netem:1[0-9]) netem_set_pair "$@" ;;
devices:[3-9] | devices:1[0-9]) netem_set "$@" ;;
*) usage ;;
esac
