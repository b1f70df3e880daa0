#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Process 1 of the emulated machine once the root of the host is there: makes it a machine to work on, makes the
# virtual hosts, runs the command, and tells its status through the control port. The folder of the run is the argument;
# in it: settings (shell variables), job (the command as a script).
set -u
run=$1
vm_hosts=
vm_share=
vm_checkout=
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck source=/dev/null
. "$run/settings"

port()
{
    local name

    for name in /sys/class/virtio-ports/*/name; do
        if [ "$(<"$name")" = "$1" ]; then
            name=${name%/name}
            printf '/dev/%s\n' "${name##*/}"
            return 0
        fi
    done
    return 1
}

stop()
{
    echo "vm: guest: $*" >/dev/console
    echo b >/proc/sysrq-trigger
    sleep 60
}

# Folders of the host that a fresh one in memory would hide: the checkout, and the share.
mounts()
{
    local folder

    mkdir -p /upper
    mount --bind / /upper || stop "cannot bind the root"
    mount -t tmpfs -o mode=1777 tmp /tmp
    mount -t tmpfs -o mode=755 run /run
    mkdir -p /dev/shm /dev/pts /run/lock /run/netns
    mount -t tmpfs -o mode=1777 shm /dev/shm
    mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
    [ ! -d /sys/fs/cgroup ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
    for folder in "$vm_checkout" "$run"; do
        if [ ! -e "$folder" ]; then
            mkdir -p "$folder"
            mount --bind "/upper$folder" "$folder" || stop "cannot show $folder"
        fi
    done
    umount /upper
    mkdir -p "$vm_share"
    mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=mmap qsshare "$vm_share" ||
        stop "no share over 9p"
}

links()
{
    ln -sf /proc/self/fd /dev/fd
    ln -sf /proc/self/fd/0 /dev/stdin
    ln -sf /proc/self/fd/1 /dev/stdout
    ln -sf /proc/self/fd/2 /dev/stderr
}

names()
{
    local number

    hostname vm
    rm -f /etc/hosts
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

# Commands h0, h1, ... run what follows in a host.
host_command()
{
    printf '#!/bin/sh\nexec ip netns exec %s "$@"\n' "$1" >"/run/vm/bin/$1"
    chmod 755 "/run/vm/bin/$1"
}

# A network namespace with eth0, whose other end is a port of the switch br0, named after the host.
host_up()
{
    local host=h$1 last=$(($1 + 1))

    ip netns add "$host"
    ip link add "$host" type veth peer name eth0 netns "$host"
    ip link set "$host" master br0 up
    ip -b - -n "$host" <<COMMANDS
link set lo up
addr add 10.77.0.$last/24 dev eth0
addr add fd77::$(printf %x "$last")/64 dev eth0 nodad
link set eth0 up
COMMANDS
    host_command "$host"
    export "QS_VM_H$1=10.77.0.$last" "QS_VM_H$1_V6=fd77::$(printf %x "$last")"
}

hosts()
{
    local number

    mkdir -p /run/vm/bin
    PATH=/run/vm/bin:$PATH
    ip link set lo up
    ip link add br0 type bridge
    ip link set br0 up
    for ((number = 0; number < vm_hosts; number++)); do
        host_up "$number" || stop "cannot make host $number"
    done
    export QS_VM=1 QS_VM_HOSTS="$vm_hosts" QS_VM_SHARE="$vm_share"
}

# soft-RoCE of this kernel works in the first network namespace alone, so both of its hosts are there: the ends of a
# pair. What goes from one address to the other goes over that wire all the same, since addresses are looked up as
# local ones only when packets come in.
rdma_hosts()
{
    local number

    ip link add r0 mtu 9000 type veth peer name r1 mtu 9000
    for number in 0 1; do
        printf '%s\n' 1 >"/proc/sys/net/ipv4/conf/r$number/accept_local"
        printf '%s\n' 1 >"/proc/sys/net/ipv4/conf/r$number/arp_ignore"
        printf '%s\n' 2 >"/proc/sys/net/ipv4/conf/r$number/arp_announce"
    done
    ip -b - <<COMMANDS
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
    rdma link add rxe0 type rxe netdev r0 || return 1
    rdma link add rxe1 type rxe netdev r1 || return 1
    export QS_VM_RDMA0=10.78.0.1 QS_VM_RDMA1=10.78.0.2
}

# All but this process and those given.
end_others()
{
    local entry pid keep=" 1 $* "

    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        # Kernel threads have no command line.
        if [[ $keep != *" $pid "* ]] && [ -r "$entry/cmdline" ] && [ -n "$(tr -d '\0' <"$entry/cmdline" 2>/dev/null)" ]; then
            kill -KILL "$pid" 2>/dev/null
        fi
    done
}

control=$(port qs.control) || stop "no control port"
exec 7>"$control"
mounts
links
names
limits
hosts
rdma_hosts || echo "vm: guest: no rdma" >/dev/console
read -r uptime _ </proc/uptime
echo "ready $uptime" >&7

# The command has pipes, which, unlike the ports, may be opened by name and by many.
mkfifo /run/vm/out /run/vm/err
cat /run/vm/out >"$(port qs.out)" &
out=$!
cat /run/vm/err >"$(port qs.err)" &
err=$!
bash "$run/job" </dev/null >/run/vm/out 2>/run/vm/err 7>&-
status=$?
end_others "$out" "$err"
wait "$out" "$err"
umount "$vm_share"
echo "exit $status" >&7
sleep 60
stop "not ended from outside"
