#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Process 1 of the emulated machine once the root of the host is there: makes the virtual hosts, runs the command, and
# tells its status through the control port. The folder of the run is the argument; in it: settings (variables of a
# shell) and job (the command as a script). Starts few programs, since each costs a tenth of a second.
set -u
run=$1
vm_hosts=
vm_share=
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
declare -A port
# shellcheck source=/dev/null
. "$run/settings"

stop()
{
    echo "vm: guest: $*" >/dev/console
    echo b >/proc/sysrq-trigger
    sleep 60
}

ports()
{
    local name label

    for name in /sys/class/virtio-ports/*/name; do
        read -r label <"$name"
        name=${name%/name}
        port[$label]=/dev/${name##*/}
    done
    exec 7>"${port[qs.control]}" || stop "no control port"
}

names()
{
    local number

    echo vm >/proc/sys/kernel/hostname
    # The host's may be of another file system, in a container.
    mount -t tmpfs -o size=1m,mode=755 names /mnt && : >/mnt/hosts && mount --bind /mnt/hosts /etc/hosts && umount /mnt
    {
        printf '127.0.0.1 localhost vm\n::1 localhost ip6-localhost\n'
        for ((number = 0; number < vm_hosts; number++)); do
            printf '10.77.0.%d h%d\nfd77::%x h%d\n' $((number + 1)) "$number" $((number + 1)) "$number"
        done
    } >/etc/hosts
}

limits()
{
    ulimit -l unlimited
    ulimit -n 65536
    ulimit -c 0
}

# Each host is a network namespace with eth0, whose other end, named after the host, is a port of the switch br0.
host_commands()
{
    local number

    echo "link set lo up"
    echo "link add br0 type bridge"
    echo "link set br0 up"
    for ((number = 0; number < vm_hosts; number++)); do
        echo "netns add h$number"
        echo "link add h$number type veth peer name eth0 netns h$number"
        echo "link set h$number master br0 up"
    done
}

# host_inside NUMBER: the address ends in one more. Commands h0, h1, ... run what follows in a host.
host_inside()
{
    local address=10.77.0.$(($1 + 1)) address6

    printf -v address6 'fd77::%x' $(($1 + 1))
    ip -n "h$1" -b - <<COMMANDS || stop "cannot set up h$1"
link set lo up
addr add $address/24 dev eth0
addr add $address6/64 dev eth0 nodad
link set eth0 up
COMMANDS
    export "QS_VM_H$1=$address" "QS_VM_H$1_V6=$address6"
    (umask 022 && printf '#!/bin/sh\nexec ip netns exec h%s "$@"\n' "$1" >"/run/vm/bin/h$1")
}

hosts()
{
    local number

    host_commands | ip -b - || stop "cannot make the hosts"
    for ((number = 0; number < vm_hosts; number++)); do
        host_inside "$number"
    done
    ((vm_hosts == 0)) || chmod 755 /run/vm/bin/*
    export QS_VM=1 QS_VM_HOSTS="$vm_hosts" QS_VM_SHARE="$vm_share"
    unset QS_VM_JOB
}

# soft-RoCE of this kernel works in the first network namespace alone, so both of its hosts are there: r0 and r1, whose
# other ends w0 and w1 are on a switch. What goes from one address to the other goes over that wire all the same, since
# addresses are looked up as local ones only when packets come in.
rdma_hosts()
{
    local end setting

    ip -b - <<COMMANDS || return 1
link add br1 type bridge
link set br1 up
link add r0 mtu 9000 type veth peer name w0 mtu 9000
link add r1 mtu 9000 type veth peer name w1 mtu 9000
link set w0 master br1 up
link set w1 master br1 up
COMMANDS
    for end in r0 r1; do
        for setting in accept_local=1 arp_ignore=1 arp_announce=2; do
            echo "${setting#*=}" >"/proc/sys/net/ipv4/conf/$end/${setting%=*}"
        done
    done
    ip -b - <<COMMANDS || return 1
addr add 10.78.0.1/24 dev r0
addr add 10.78.0.2/24 dev r1
link set r0 up
link set r1 up
route add 10.78.0.2 dev r0 src 10.78.0.1 table 101
route add 10.78.0.1 dev r1 src 10.78.0.2 table 102
rule add pref 10 iif r0 lookup local
rule add pref 11 iif r1 lookup local
rule add pref 20 from 10.78.0.1 to 10.78.0.1 lookup local
rule add pref 21 from 10.78.0.2 to 10.78.0.2 lookup local
rule add pref 30 to 10.78.0.2 lookup 101
rule add pref 31 to 10.78.0.1 lookup 102
rule add pref 40 lookup local
rule del pref 0
COMMANDS
    printf 'link add rxe%s type rxe netdev r%s\n' 0 0 1 1 | rdma -b - || return 1
    export QS_VM_RDMA0=10.78.0.1 QS_VM_RDMA1=10.78.0.2
}

# All but this process and those given. Kernel threads have no program.
end_others()
{
    local entry pid keep=" 1 $* "

    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        if [[ $keep != *" $pid "* && -e $entry/exe ]]; then
            kill -KILL "$pid" 2>/dev/null
        fi
    done
}

ports
names
limits
hosts
rdma_hosts || echo "vm: guest: no RDMA devices" >/dev/console
read -r uptime _ </proc/uptime
echo "ready $uptime" >&7

# The command has pipes, which, unlike the ports, may be opened by name and by many.
mkfifo /run/vm/out /run/vm/err
cat /run/vm/out >"${port[qs.out]}" 7>&- &
out=$!
cat /run/vm/err >"${port[qs.err]}" 7>&- &
err=$!
bash "$run/job" </dev/null >/run/vm/out 2>/run/vm/err 7>&-
status=$?
end_others "$out" "$err"
wait "$out" "$err"
umount "$vm_share"
echo "exit $status" >&7
sleep 60
stop "not ended from outside"
