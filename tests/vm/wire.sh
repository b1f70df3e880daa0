#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# hg_bench between two hosts of the emulated machine, while netem does something to what both send: no call may fail, no
# byte be wrong, and the server must end as it should. It is over tcp between h0 and h1; with --verbs between the RDMA
# devices, and skipped where the kernel has none. With --kill the server is killed in the midst of calls, all of which must end,
# as failed, long before their time is over.
#
#   wire.sh [--verbs] [--kill] NETEM HG_BENCH ARGUMENTS...
set -u
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

end()
{
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null
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
    (call "$command" "$(<"$dir/address")" "$@" --block --pin none --timeout 40) || fail "the client ended with $?"
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
