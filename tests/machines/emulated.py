"""A whole Debian in an emulated machine: its own kernel, systemd, control groups of version 2.

``python -m tests.machines.emulated SUITE PROGRAMS FOLDER`` makes the machine's disk in FOLDER,
starts it, and runs ``full-lab`` in it with the Kubernetes programs in the folder PROGRAMS, then
``verify`` while its clock is a day ahead, and once it is back. It leaves ``console.log``, and
``artifacts/`` with the run's report. The machine has no network: what the lab fetches is fetched
before, by the same system on this machine's kernel. ``FOLDER/shell`` is a socket with a root shell
in the machine, for a look.

With ``--unit`` it also gets the unit that a lab machine has, and starts a second time: the unit
must bring the lab back. ``again.log`` has what it printed then.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.machines.roots import PROGRAMS, installed

PROFILE = "emulated"
_DISK = "12G"
_MEMORY = "5G"
_PACKAGES = (
    "apparmor dbus initramfs-tools kmod libpam-systemd linux-image-cloud-amd64 login systemd-sysv"
)
_GIVEN = f"--profile {PROFILE} -e kubernetes_source=path -e kubernetes_path={PROGRAMS}"
_FILL = f"""set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends {_PACKAGES}
apt-get clean
python3 runner.py provision {_GIVEN}
python3 runner.py teardown --profile {PROFILE}
systemctl enable systemd-networkd.service shell.service first-run.service
systemctl mask systemd-networkd-wait-online.service serial-getty@ttyS0.service
"""
_HELD, _AGAIN = "== all of it held", "== off, to start again"
_UNIT = "latihan.service"
# full-lab is a unit of its own: systemd ends what is left of it, and the lab has to survive that.
# It prints through a pipe: the live line of a terminal takes half of an emulated processor.
_FIRST_RUN = f"""#!/bin/sh
cd /root/latihan
export HOME=/root LANG=C.UTF-8
failed=
say() {{ echo "== $* ($(cut -d ' ' -f 1 /proc/uptime) s after the start)"; }}
try() {{
    name=$1
    shift
    "$@"
    code=$?
    say "$name ended with $code"
    [ $code = 0 ] || failed=$name
}}
left() {{
    find /sys/fs/cgroup -path '*latihan*'
    grep latihan /proc/self/mounts
    grep -lsz '^LATIHAN_PROFILE=' /proc/[0-9]*/environ
    find /var/lib/latihan /run/netns -mindepth 1 2>/dev/null
    ls /sys/class/net | grep -vx lo
}}
say "kernel $(uname -r), processors $(nproc), control groups $(stat -fc %T /sys/fs/cgroup)"
say "first process $(cat /proc/1/comm), AppArmor $(cat /sys/module/apparmor/parameters/enabled)"
back() {{
    try unit systemctl is-active {_UNIT}
    try status python3 runner.py status --profile {PROFILE}
    try verify latihan verify --profile {PROFILE}
}}
first() {{
try doctor python3 runner.py doctor
try full-lab systemd-run --wait --pipe --collect --unit=full-lab \\
    --working-directory=/root/latihan --setenv=HOME=/root --setenv=LANG=C.UTF-8 \\
    python3 runner.py full-lab {_GIVEN}
try status python3 runner.py status --profile {PROFILE}
for step in '+1 day' '-1 day'; do
    date --set "$step"
    # The nodes' leases are a day old now: they are not Ready until the kubelets renew them.
    sleep 120
    try "verify, the clock set by $step," python3 runner.py verify --profile {PROFILE}
done
grep -q latihan.unit /proc/cmdline || return
try command python3 roles/lab_machine/files/machine.py command /root/latihan {PROFILE}
[ -z "$failed" ] || return
touch /root/again
say "{_AGAIN.removeprefix("== ")}"
sync
systemctl poweroff
exit
}}
if [ -e /root/again ]; then rm /root/again; back; else first; fi
if grep -q latihan.keep /proc/cmdline; then exit; fi
try teardown python3 runner.py teardown --profile {PROFILE}
left >/root/left 2>&1
systemctl --failed --no-legend >>/root/left
cat /root/left
[ -n "$failed" ] || [ -s /root/left ] || say "{_HELD.removeprefix("== ")}"
sync
systemctl poweroff
"""
_FIRST_RUN_SERVICE = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'sh /root/first-run.sh 2>&1 | cat >/dev/ttyS0'
[Install]
WantedBy=multi-user.target
"""
# On a slow machine systemd gives up the serial line before udev has seen it; this doesn't wait.
_SHELL = """[Service]
ExecStart=-/sbin/agetty --autologin root --keep-baud 115200 ttyS1 linux
Restart=always
StandardInput=tty
StandardOutput=tty
TTYPath=/dev/ttyS1
TTYReset=yes
[Install]
WantedBy=multi-user.target
"""
# The boldest that people have: systemd-networkd takes every link that it sees.
_NETWORKD = """[Match]
Name=!lo
[Network]
DHCP=yes
"""
_FILES = {
    "root/first-run.sh": _FIRST_RUN,
    "etc/systemd/system/first-run.service": _FIRST_RUN_SERVICE,
    "etc/systemd/system/shell.service": _SHELL,
    "etc/systemd/network/all.network": _NETWORKD,
    "etc/fstab": "/dev/vda / ext4 defaults 0 1\n",
}


def main(arguments: Sequence[str]) -> int:
    """Make the machine, run the lab in it, and fetch what it left."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("suite", help="Debian's name for it, as in trixie")
    asked.add_argument("programs", type=Path, help="a folder with Kubernetes' programs")
    asked.add_argument("folder", type=Path, help="where to make the machine")
    asked.add_argument("--accel", default="tcg,thread=multi", help="as for QEMU, for instance kvm")
    asked.add_argument("--keep", action="store_true", help="leave the lab and the machine on")
    about = "start it a second time: the unit of a lab machine brings the lab back"
    asked.add_argument("--unit", action="store_true", help=about)
    given = asked.parse_args(arguments)
    folder = given.folder.resolve()
    if not (folder / "disk.img").exists():
        _make(given.suite, given.programs.resolve(), folder)
    words = " ".join(f"latihan.{name}" for name in ("keep", "unit") if getattr(given, name))
    said = _emulate(folder, given.accel, words, "console.log")
    if _AGAIN in said:
        said = _emulate(folder, given.accel, words, "again.log")
    # debugfs doesn't replace what is there.
    shutil.rmtree(folder / "artifacts", ignore_errors=True)
    (folder / "artifacts").mkdir()
    left = f"rdump /root/latihan/artifacts/{PROFILE} {folder}/artifacts"
    _do("debugfs", "-R", left, folder / "disk.img")
    return 0 if _HELD in said else 1


def _make(suite: str, programs: Path, folder: Path) -> None:
    """The machine's disk, with all that it has no network to get, and its kernel beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    with installed(suite) as fresh:
        system = dataclasses.replace(fresh, programs=programs)
        for name, text in _FILES.items():
            (system.root / name).parent.mkdir(parents=True, exist_ok=True)
            (system.root / name).write_text(text, encoding="utf-8")
        filled = system.run("sh", "-c", _FILL)
        (folder / "made.log").write_text(filled.out, encoding="utf-8")
        assert filled.code == 0, filled.out
        _do("cp", "--archive", f"{programs}/.", system.root / PROGRAMS.lstrip("/"))
        for name in ("vmlinuz", "initrd.img"):
            (found,) = (system.root / "boot").glob(f"{name}-*")
            (folder / name).write_bytes(found.read_bytes())
        made = folder / "disk.new"
        _do("mke2fs", "-q", "-t", "ext4", "-d", system.root, made, _DISK)
        made.rename(folder / "disk.img")


def _emulate(folder: Path, acceleration: str, words: str, log: str) -> str:
    """Run the machine until it switches itself off; what it prints, which goes to a log.

    Args:
        folder: the machine's.
        acceleration: as QEMU's option takes it.
        words: what the kernel's command line has for the machine.
        log: the name of the log, in the folder.
    """
    _do(
        *("qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none", "-nic", "none"),
        *("-accel", acceleration, "-cpu", "max,la57=off"),
        *("-smp", "2", "-m", _MEMORY),
        *("-drive", f"file={folder}/disk.img,format=raw,if=virtio,cache=unsafe"),
        *("-kernel", folder / "vmlinuz", "-initrd", folder / "initrd.img"),
        "-append",
        f"root=/dev/vda rw console=ttyS0 quiet mitigations=off {words}",
        *("-serial", f"file:{folder}/{log}"),
        *("-serial", f"unix:{folder}/shell,server=on,wait=off"),
    )
    return (folder / log).read_text(encoding="utf-8", errors="replace")


def _do(*argv: str | Path) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
