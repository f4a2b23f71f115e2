"""PID 1 of a space: furnishes the namespaces it was started in, then becomes the process manager.

Run as ``python3 -m ...pid1 SPEC``. It prints ``ready`` when the space is furnished, waits for a
line ``go`` (without it, it ends, and the space with it), and then executes supervisord, which reaps
every orphan as a PID 1 must.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
SUPERVISOR_CONFIG = "/etc/supervisord.conf"


def main(spec_file: str) -> None:
    """Furnish the space that the file describes, and become its process manager."""
    spec = json.loads(Path(spec_file).read_text(encoding="utf-8"))
    folder = Path(spec["folder"])
    join_cgroup(spec["cgroup"])
    socket.sethostname(spec["name"])
    mount("-t", "proc", "proc", "/proc")
    fresh_sys(folder)
    show_kernel_settings(folder, spec["kernel_settings"])
    for key, value in spec["network_settings"].items():
        Path("/proc/sys/net", key).write_text(value)
    own_etc(folder)
    own_var(folder, [Path(path) for path in spec["keep"]])
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    # No mount reaches the machine; inside, the kubelet's volumes must reach the containers.
    mount("--make-rshared", "/")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.stdin.readline() != "go\n":
        raise SystemExit("Whoever started this space went away before it was complete.")
    output = os.open("/var/log/supervisord.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    supervisord = [sys.executable, "-m", "supervisor.supervisord"]
    os.execv(sys.executable, [*supervisord, "--nodaemon", "--configuration", SUPERVISOR_CONFIG])


def mount(*arguments: str) -> None:
    """Mount something; why it fails is on standard error already."""
    subprocess.run(["mount", *arguments], check=True)


def join_cgroup(cgroup: str) -> None:
    """Put this process, and so all that follow it, into the space's control group.

    cgroups(7): with version 2 a group with members can't have children, so the processes of the
    space itself go into a leaf beside the one that the kubelet makes for its pods.
    """
    if (CGROUPS / "cgroup.controllers").exists():
        _join_v2(cgroup)
        return
    for hierarchy in sorted(CGROUPS.iterdir()):
        if (hierarchy / "cgroup.procs").exists() and not hierarchy.is_symlink():
            _join_v1(hierarchy, cgroup)


def _join_v1(hierarchy: Path, cgroup: str) -> None:
    group = hierarchy
    for part in Path(cgroup).parts:
        parent, group = group, group / part
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            # cpuset(7): a new set is empty and takes no process before it has both.
            if (group / setting).exists() and not (group / setting).read_text().strip():
                (group / setting).write_text((parent / setting).read_text())
    (group / "cgroup.procs").write_text(str(os.getpid()))


def _join_v2(cgroup: str) -> None:
    group = CGROUPS
    for part in Path(cgroup).parts:
        controllers = (group / "cgroup.controllers").read_text().split()
        (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))
        group /= part
        group.mkdir(exist_ok=True)
    leaf = group / "space"
    leaf.mkdir(exist_ok=True)
    (leaf / "cgroup.procs").write_text(str(os.getpid()))
    controllers = (group / "cgroup.controllers").read_text().split()
    (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))


def fresh_sys(folder: Path) -> None:
    """Show this network namespace's devices in /sys, and the control groups as before.

    network_namespaces(7): sysfs shows the namespace that it was mounted in.
    """
    aside = folder / "cgroups"
    aside.mkdir(exist_ok=True)
    mount("--rbind", str(CGROUPS), str(aside))
    mount("-t", "sysfs", "sysfs", "/sys")
    # A mount can be moved only out of a private parent; unshare(1) made all of them private.
    mount("--move", str(aside), str(CGROUPS))
    # Beside hierarchies of version 1 crun refuses one of version 2 that has controllers.
    if (CGROUPS / "unified" / "cgroup.controllers").exists():
        subprocess.run(["umount", str(CGROUPS / "unified")], check=True)


def show_kernel_settings(folder: Path, settings: dict[str, str]) -> None:
    """Let files of /proc/sys read as the kubelet wants them, and leave the machine's kernel alone.

    The kubelet writes settings that aren't namespaced (vm.overcommit_memory ...) unless they are
    what it wants already.
    """
    for key, value in settings.items():
        shown = folder / "sysctl" / key
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(f"{value}\n")
        mount("--bind", str(shown), f"/proc/sys/{key}")


def own_etc(folder: Path) -> None:
    """Give the space an /etc of its own over the machine's, which it reads but never changes."""
    work = folder / "etc.work"
    work.mkdir(exist_ok=True)
    mount(
        *("-t", "overlay", "overlay", "/etc", "-o"),
        f"lowerdir=/etc,upperdir={folder / 'etc'},workdir={work}",
    )


def own_var(folder: Path, keep: list[Path]) -> None:
    """Give the space a /var of its own, in which only the paths to keep are the machine's."""
    var = folder / "var"
    for name in ("lib", "log", "cache", "tmp"):
        (var / name).mkdir(parents=True, exist_ok=True)
    (var / "tmp").chmod(0o1777)
    if not (var / "run").is_symlink():
        (var / "run").symlink_to("/run")
    for path in keep:
        if path.is_relative_to("/var"):
            inside = var / path.relative_to("/var")
            inside.mkdir(parents=True, exist_ok=True)
            mount("--rbind", str(path), str(inside))
    mount("--rbind", str(var), "/var")


if __name__ == "__main__":
    main(sys.argv[1])
