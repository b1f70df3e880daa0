#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# hg_bench between two hosts of the emulated machine, while netem does something to what both send: no call may fail, no
# byte be wrong, and the server must end as it should. It is over tcp between h0 and h1; with --verbs between the RDMA
# devices, and skipped where the kernel has none. With --kill the server is killed in the midst of calls, all of which must end,
# as failed, long before their time is over.
#
# Soft-RoCE can come to a stand on a wire that loses packets: the device waits for what was lost of a read and never asks for it
# again, though it goes on sending what comes behind. That is seen by its counters; then all is done again, three times
# at most, and what has no end is skipped.
#
#   wire.sh [--verbs] [--kill] NETEM HG_BENCH ARGUMENTS...
set -u
arguments=("$@")
attempt=${WIRE_ATTEMPT:-1}
verbs=0
kill_it=0
while [[ $1 == --* ]]; do
    case $1 in
    --verbs) verbs=1 ;;
    --kill) kill_it=1 ;;
    esac
    shift
done
if [ "$verbs" = 1 ] && [ -z "${QS_VM_RDMA1:-}" ]; then
    echo "the machine has no RDMA devices"
    exit 77
fi
netem=$1
bench=$2
command=$3
shift 3
dir=$(mktemp -d)
server=
watcher=

# netem_at client|server add|del [NETEM...]
netem_at()
{
    local at=(h0 tc qdisc "$2" dev eth0)

    case $verbs:$1 in
    0:server) at[0]=h1 ;;
    1:client) at=(tc qdisc "$2" dev r1) ;;
    1:server) at=(tc qdisc "$2" dev r0) ;;
    esac
    shift 2
    "${at[@]}" root "$@"
}

serve()
{
    if [ "$verbs" = 1 ]; then
        exec "$bench" server "verbs://${QS_VM_RDMA0:?}" "$@"
    fi
    exec h1 "$bench" server "tcp://$QS_VM_H1" "$@"
}

call()
{
    if [ "$verbs" = 1 ]; then
        exec "$bench" "$@" --provider "verbs://$QS_VM_RDMA1"
    fi
    exec h0 "$bench" "$@"
}

# count DEVICE NAME: one of the device's counters.
count()
{
    local value=0

    read -r value 2>/dev/null <"/sys/class/infiniband/$1/ports/1/hw_counters/$2"
    echo "$value"
}

# Writes down which device has come to a stand: for 15 s it neither completes what it sends nor asks again for what was lost, while its
# peer receives what it sends.
watch()
{
    local device peer send retry receive
    local -A sends=() retries=() received=() still=()

    while sleep 5; do
        for device in rxe0 rxe1; do
            peer=$([ "$device" = rxe0 ] && echo rxe1 || echo rxe0)
            send=$(count "$device" rdma_sends) retry=$(count "$device" completer_retry_err) receive=$(count "$peer" rdma_recvs)
            if [ "$send" = "${sends[$device]:-}" ] && [ "$retry" = "${retries[$device]:-}" ] &&
                [ "$receive" -gt "${received[$device]:-0}" ]; then
                still[$device]=$((${still[$device]:-0} + 1))
            else
                still[$device]=0
            fi
            sends[$device]=$send retries[$device]=$retry received[$device]=$receive
        done
        : >"$dir/stands"
        for device in rxe0 rxe1; do
            [ "${still[$device]}" -lt 3 ] || echo "$device" >"$dir/stands"
        done
    done
}

end()
{
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null
    netem_at client del 2>/dev/null
    netem_at server del 2>/dev/null
    rm -rf "$dir"
}

fail()
{
    echo "wire.sh: $*" >&2
    exit 1
}

wait_for()
{
    local file=$1

    for _ in $(seq 300); do
        [ ! -s "$file" ] || return 0
        kill -0 "$server" 2>/dev/null || fail "the server has ended"
        sleep 0.1
    done
    fail "nothing in $file after 30 s"
}

# The client has not come to its end.
give_up()
{
    if [ ! -s "$dir/stands" ]; then
        fail "$*"
    fi
    echo "wire.sh: $*: the device $(<"$dir/stands") stands, and does not ask for what was lost"
    if [ "$attempt" -ge 3 ]; then
        exit 77
    fi
    end
    trap - EXIT
    WIRE_ATTEMPT=$((attempt + 1)) exec "$0" "${arguments[@]}"
}

trap end EXIT
if [ "$verbs" = 1 ]; then
    # A bad wire is bad for IP alone: a device that does not learn its peer's address gives up.
    ip neigh replace "$QS_VM_RDMA1" lladdr "$(</sys/class/net/r1/address)" dev r0 nud permanent
    ip neigh replace "${QS_VM_RDMA0:?}" lladdr "$(</sys/class/net/r0/address)" dev r1 nud permanent
fi
serve --block --addr-file "$dir/address" &
server=$!
wait_for "$dir/address"
for side in client server; do
    # shellcheck disable=SC2086 # words of tc
    netem_at "$side" add netem $netem || fail "no netem for the $side"
done
if [ "$kill_it" = 0 ]; then
    if [ "$verbs" = 1 ]; then
        watch &
        watcher=$!
    fi
    (call "$command" "$(<"$dir/address")" "$@" --block --pin none --timeout 40) || give_up "the client ended with $?"
    kill -TERM "$server"
    wait "$server" || fail "the server ended with $?"
    server=
    exit 0
fi
call "$command" "$(<"$dir/address")" "$@" --duration 40 --block --pin none --timeout 40 2>"$dir/progress" &
client=$!
wait_for "$dir/progress"
kill -KILL "$server"
server=
begin=$SECONDS
wait "$client"
status=$?
cat "$dir/progress"
echo "the client ended with $status, $((SECONDS - begin)) s after the server was killed"
[ "$status" = 2 ] || fail "a dead server should end it with 2"
[ $((SECONDS - begin)) -le 10 ] || fail "it took too long"
