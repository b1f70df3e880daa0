#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# hg_bench between hosts h0 and h1 of the emulated machine, over tcp, while netem does something to what both send:
# no call may fail, no byte be wrong, and the server must end as it should. With --kill the server is killed in the
# midst of calls, all of which must end, as failed, long before their time is over.
#
#   wire.sh [--kill] NETEM HG_BENCH ARGUMENTS...
set -u
kill_it=0
if [ "$1" = --kill ]; then
    kill_it=1
    shift
fi
netem=$1
bench=$2
command=$3
shift 3
dir=$(mktemp -d)
server=

end()
{
    local host

    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null
    for host in h0 h1; do
        "$host" tc qdisc del dev eth0 root 2>/dev/null
    done
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
h1 "$bench" server "tcp://$QS_VM_H1" --block --addr-file "$dir/address" &
server=$!
wait_for "$dir/address"
for host in h0 h1; do
    # shellcheck disable=SC2086 # words of tc
    "$host" tc qdisc add dev eth0 root netem $netem || fail "no netem on $host"
done
if [ "$kill_it" = 0 ]; then
    h0 "$bench" "$command" "$(<"$dir/address")" "$@" --block --pin none --timeout 40 || fail "the client ended with $?"
    kill -TERM "$server"
    wait "$server" || fail "the server ended with $?"
    server=
    exit 0
fi
h0 "$bench" "$command" "$(<"$dir/address")" "$@" --duration 40 --block --pin none --timeout 40 2>"$dir/progress" &
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
