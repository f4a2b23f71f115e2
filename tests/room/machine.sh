#!/bin/sh
# sh machine.sh ROOT INIT MEMINFO DISK: a machine of the room boots, inside namespaces of its own.
# ROOT has its files. INIT is its first process: systemd, or plain for an sshd without it. MEMINFO,
# unless empty, is shown as its /proc/meminfo. DISK, unless empty, is how much /var/cache may hold.
set -eu
root=$1 init=$2 meminfo=$3 disk=$4
hierarchies=$(grep -E '^[^ ]+ /sys/fs/cgroup[^ ]* cgroup2? ' /proc/mounts)
# Only a mount can become the root (pivot_root(2)).
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
# The kernel's settings and the devices are this machine's. Debian 13's systemd would set fs.nr_open.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
fi
echo "$hierarchies" | while read -r _ place kind options _; do
  mkdir -p "$root$place"
  mount -t "$kind" -o "$options" none "$root$place"
done
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in full kmsg null random tty urandom zero; do cp -a "/dev/$name" "$root/dev"; done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
if [ "$meminfo" ]; then mount --bind "$meminfo" "$root/proc/meminfo"; fi
if [ "$disk" ]; then mount -t tmpfs -o "size=$disk" tmpfs "$root/var/cache"; fi
hostname "$(cat "$root/etc/hostname")"
mkdir -p "$root/mnt/before"
cd "$root"
pivot_root . mnt/before
umount --lazy /mnt/before
rmdir /mnt/before
ip=/sbin/ip; if command -v $ip >/dev/null; then $ip link set lo up; fi
if [ "$init" = systemd ]; then
  # It would write its log to this machine's kernel otherwise, until its journal runs.
  exec env -i container=latihan SYSTEMD_LOG_TARGET=journal /lib/systemd/systemd
fi
mkdir -p /run/sshd
/usr/sbin/sshd
# The first process reaps those whose parents have ended.
exec python3 -u -c 'import os, time
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(1)'
