"""The lab's control groups: finding the processes in them, and removing them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def remove(cgroup: str) -> bool:
    """Remove a control group and all below it, in every hierarchy.

    Args:
        cgroup: the group, relative to a hierarchy's root, such as ``latihan/PROFILE``. Parents are
            removed too if they are empty then.

    Returns:
        Whether the group existed.
    """
    found = False
    for root in _hierarchies():
        group = root / cgroup
        if not group.is_dir():
            continue
        found = True
        for folder in sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
            folder.rmdir()
        group.rmdir()
        for parent in group.parents:
            if parent == root or any(child.is_dir() for child in parent.iterdir()):
                break
            parent.rmdir()
    return found


def container_inits(cgroup: str) -> list[int]:
    """The first process of each container below a node's control group, as PIDs of this machine.

    A container's first process is PID 1 of a PID namespace two levels below this one: the node has
    one, the container another (pid_namespaces(7)).
    """
    pids = {
        int(pid)
        for root in _hierarchies()
        for members in (root / cgroup / "kubepods").rglob("cgroup.procs")
        for pid in members.read_text().split()
    }
    return sorted(pid for pid in pids if pid_numbers(pid)[2:] == ["1"])


def out_of_memory_kills(cgroup: str) -> int:
    """How many processes of a group, and of those below it, the kernel ended for lack of memory.

    Version 2 counts them in ``memory.events``, for the groups below too; version 1 in
    ``memory.oom_control``, for each group alone.
    """
    if (CGROUPS / "cgroup.controllers").exists():
        counters = [CGROUPS / cgroup / "memory.events"]
    else:
        counters = list((CGROUPS / "memory" / cgroup).rglob("memory.oom_control"))
    return sum(_counted(path) for path in counters)


def _counted(counter: Path) -> int:
    try:
        lines = counter.read_text(encoding="ascii").splitlines()
    except OSError:  # The group has just gone.
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def _hierarchies() -> Iterator[Path]:
    """The root of version 2's only hierarchy, or the roots of all of version 1 (cgroups(7))."""
    if (CGROUPS / "cgroup.controllers").exists():
        yield CGROUPS
        return
    for path in sorted(CGROUPS.iterdir()):
        if (path / "cgroup.procs").exists() and not path.is_symlink():
            yield path


def pid_numbers(pid: int) -> list[str]:
    """A process's PIDs in its PID namespaces, starting with this one; empty if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return []
    return next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
