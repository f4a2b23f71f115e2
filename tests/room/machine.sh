#!/bin/sh
# sh machine.sh ROOT MEMINFO DISK: a machine of the room boots, inside namespaces of its own.
# ROOT has its files. MEMINFO, unless empty, is shown as its /proc/meminfo. DISK, unless empty, is
# how much /var/cache may hold.
set -eu
root=$1 meminfo=$2 disk=$3
# Only a mount can become the root (pivot_root(2)).
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
if [ "$meminfo" ]; then mount --bind "$meminfo" "$root/proc/meminfo"; fi
if [ "$disk" ]; then mount -t tmpfs -o "size=$disk" tmpfs "$root/var/cache"; fi
hostname "$(cat "$root/etc/hostname")"
mkdir -p "$root/mnt/before"
cd "$root"
pivot_root . mnt/before
umount --lazy /mnt/before
rmdir /mnt/before
mkdir -p /run/sshd
ip=/sbin/ip; if command -v $ip >/dev/null; then $ip link set lo up; fi
# The first process reaps those whose parents have ended.
/usr/sbin/sshd
exec python3 -u -c 'import os, time
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(1)'
