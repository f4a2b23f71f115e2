#!/bin/sh
# What runs in the container beside the lab: sh inside.sh PART [ARGUMENT ...]
# The parts are called from outside, by latihan/container/.
set -eu
runs=${LATIHAN_RUNS:-/run/latihan/runs}
groups=/sys/fs/cgroup

# With version 2, a group with processes can't pass controllers to those below (cgroups(7)), and
# the nodes' groups are below the container's.
leave_group() {
  if [ -e "$groups/cgroup.controllers" ]; then
    mkdir -p "$groups/init"
    echo "$1" >"$groups/init/cgroup.procs"
  fi
}

stay() { # The container's first program; it ends with the container.
  # The engines mount the container's own control groups for reading only.
  awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/self/mounts | while read -r mounted; do
    mount -o remount,rw,bind "$mounted"
  done
  leave_group 1
  leave_group $$
  mkdir -p "$runs"
  exec sleep infinity
}

run() { # ID COMMAND ...: runs a command that "control ID" can end.
  until [ -d "$runs" ]; do sleep 0.1; done
  leave_group $$
  # The engine sets the terminal's size a moment later.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if ! [ -t 0 ] || [ "$(stty size)" != "0 0" ]; then break; fi
    sleep 0.1
  done
  echo $$ >"$runs/$1.new"
  mv "$runs/$1.new" "$runs/$1"
  shift
  exec "$@"
}

control() { # ID: passes signals on to "run ID", by the names that it reads, until it reads "end".
  tries=0
  until [ -e "$runs/$1" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ]; then exit 1; fi
    sleep 0.1
  done
  pid=$(cat "$runs/$1")
  while true; do
    # If the program outside is killed, it says no "end".
    read -r signal || signal=HUP last=yes
    # As from a terminal, all signals but TERM reach all that the command started.
    case $signal in
      end) break ;;
      TERM) kill -s TERM -- "$pid" || true ;;
      *) kill -s "$signal" -- "-$pid" || true ;;
    esac
    if [ "${last-}" ]; then break; fi
  done
  rm "$runs/$1"
}

unused() { # Whether there is no lab here, and no command that runs.
  [ -z "$(ls -A /var/lib/latihan)" ] && [ -z "$(ls -A "$runs")" ]
}

"$@"
