#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# The first program of the emulated machine, in its initramfs: inserts the modules, puts an overlay in memory on the
# root of the host, which comes read-only over 9p, mounts what a system has, and hands over to guest.sh there. All in
# one shell with its own commands, since each program from the host costs a tenth of a second. QS_VM_JOB, from the
# kernel's command line, is the folder of the run; in it: settings (variables of a shell).
export PATH=/bin
vm_checkout=
vm_share=

stop()
{
    echo "vm: init: $*" >/dev/console
    echo b >/proc/sysrq-trigger
    sleep 60
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do
    insmod "/modules/$module" || stop "cannot insert $module"
done </modules/order

mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose qsroot /lower || stop "no root over 9p"
mount -t tmpfs -o size=60%,mode=755 upper /upper || stop "no tmpfs"
mkdir /upper/upper /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/upper,workdir=/upper/work overlay /root || stop "no overlay"
# shellcheck source=/dev/null
. "/lower$QS_VM_JOB/settings"

mount --bind /root /kept
mount -t tmpfs -o mode=1777 tmp /root/tmp || stop "the host has no /tmp"
mount -t tmpfs -o mode=755 run /root/run || stop "the host has no /run"
mkdir -p /root/run/lock /root/run/netns /root/run/vm/bin
# What a fresh folder hides of the host, and the run needs.
for folder in "$vm_checkout" "$QS_VM_JOB"; do
    if [ ! -e "/root$folder" ]; then
        mkdir -p "/root$folder"
        mount --bind "/kept$folder" "/root$folder" || stop "cannot show $folder"
    fi
done
umount /kept
mkdir -p "/root$vm_share"
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=mmap qsshare "/root$vm_share" || stop "no share over 9p"

mkdir -p /dev/shm /dev/pts /dev/mqueue
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t mqueue mqueue /dev/mqueue
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for folder in proc sys dev; do
    mount --move "/$folder" "/root/$folder" || stop "the host has no /$folder"
done
exec switch_root /root /bin/bash "$QS_VM_JOB/guest.sh" "$QS_VM_JOB"
