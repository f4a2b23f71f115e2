#!/bin/sh
# sh enter.sh ROOT PROGRAMS COMMAND ...
# Runs a command in another system: a folder with its files becomes the root of these namespaces.
# PROGRAMS is a folder of this machine that it sees as /opt/kubernetes, read-only.
set -eu
root=$1 programs=$2
shift 2
# Only a mount can become the root (pivot_root(2)).
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/opt/kubernetes" "$root/mnt/before"
mount --bind "$programs" "$root/opt/kubernetes"
mount -o remount,bind,ro "$root/opt/kubernetes"
cd "$root"
pivot_root . mnt/before
umount --lazy /mnt/before
exec "$@"
