"""PID 1 of a space: sets up the namespaces it was started in, then becomes the process manager.

Run as ``python3 -m ...pid1 SPEC``. It sets up the space, prints ``ready`` and waits for a line
``go``; without it, it exits, and the space ends with it. Then it executes supervisord, which reaps
every orphan, as a PID 1 must.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.cgroups import (
    CGROUPS,
    join,
)

SUPERVISOR_CONFIG = "/etc/supervisord.conf"


def main(spec_file: str) -> None:
    """Set up the space that the file describes, and become its process manager."""
    spec = json.loads(Path(spec_file).read_text(encoding="utf-8"))
    folder = Path(spec["folder"])
    join(spec["cgroup"], os.getpid())
    socket.sethostname(spec["name"])
    mount("-t", "proc", "proc", "/proc")
    fresh_sys(folder)
    show_kernel_settings(folder, spec["kernel_settings"])
    for key, value in spec["network_settings"].items():
        Path("/proc/sys/net", key).write_text(value)
    own_etc(folder)
    own_var(folder, [Path(path) for path in spec["keep"]])
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    # Mounts don't reach the machine; inside, the kubelet's volumes must reach the containers.
    mount("--make-rshared", "/")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.stdin.readline() != "go\n":
        raise SystemExit("The process that started this space ended before the space was complete.")
    output = os.open("/var/log/supervisord.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    supervisord = [sys.executable, "-m", "supervisor.supervisord"]
    os.execv(sys.executable, [*supervisord, "--nodaemon", "--configuration", SUPERVISOR_CONFIG])


def mount(*arguments: str) -> None:
    """Mount something; the program prints its own errors."""
    subprocess.run(["mount", *arguments], check=True)


def fresh_sys(folder: Path) -> None:
    """Mount a /sys with the devices of this network namespace, and the control groups as before.

    sysfs shows the network namespace that it was mounted in (network_namespaces(7)).
    """
    aside = folder / "cgroups"
    aside.mkdir(exist_ok=True)
    mount("--rbind", str(CGROUPS), str(aside))
    mount("-t", "sysfs", "sysfs", "/sys")
    # Only a mount with a private parent can be moved; unshare(1) made all mounts private.
    mount("--move", str(aside), str(CGROUPS))
    # Beside hierarchies of version 1, crun refuses one of version 2 that has controllers. It makes
    # its folders there all the same, and systemd keeps /sys/fs/cgroup itself read-only.
    if (CGROUPS / "unified" / "cgroup.controllers").exists():
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(CGROUPS / "unified"))


def show_kernel_settings(folder: Path, settings: dict[str, str]) -> None:
    """Make files of /proc/sys show the values that the kubelet wants, without setting them.

    If they differ, the kubelet would set them for the whole machine: some, such as
    vm.overcommit_memory, have no namespace.
    """
    for key, value in settings.items():
        shown = folder / "sysctl" / key
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(f"{value}\n")
        mount("--bind", str(shown), f"/proc/sys/{key}")


def own_etc(folder: Path) -> None:
    """Give the space its own /etc, as an overlay on the machine's, which never changes."""
    work = folder / "etc.work"
    work.mkdir(exist_ok=True)
    mount(
        *("-t", "overlay", "overlay", "/etc", "-o"),
        f"lowerdir=/etc,upperdir={folder / 'etc'},workdir={work}",
    )


def own_var(folder: Path, keep: list[Path]) -> None:
    """Give the space its own /var; only the paths in ``keep`` are the machine's."""
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
