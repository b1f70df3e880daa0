#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# The first program of the emulated machine, in its initramfs: inserts the modules, puts an overlay in memory on the
# root of the host, which comes read-only over 9p, and hands over to guest.sh there. QS_VM_JOB is the folder of the run
# (kernel command line).
export PATH=/bin

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
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose qsroot /lower || stop "no root over 9p"
mount -t tmpfs -o size=60%,mode=755 upper /upper || stop "no tmpfs"
mkdir /upper/upper /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/upper,workdir=/upper/work overlay /root || stop "no overlay"
for folder in proc sys dev; do
    mount --move "/$folder" "/root/$folder" || stop "the host has no /$folder"
done
exec switch_root /root /bin/bash "$QS_VM_JOB/guest.sh" "$QS_VM_JOB"
