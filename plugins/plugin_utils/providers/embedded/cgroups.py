"""The lab's control groups: joining them, finding the processes in them, and removing them.

A lab has its own groups below the first one, in every hierarchy. So it doesn't end with the service
or the session that made it, as what is in the group of a systemd unit does (systemd.kill(5)).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
# The kubelet needs those of these that the machine has, and the lab takes others if it gets them.
# kubernetes: pkg/kubelet/cm/cgroup_manager_linux.go.
_NEEDED = frozenset({"cpu", "cpuset", "hugetlb", "memory", "pids"})


def of(profile: str, space: str = "") -> str:
    """The control group of a space, or of a whole lab, relative to a hierarchy's root."""
    return str(Path("latihan", profile, space))


def join(cgroup: str, pid: int) -> None:
    """Put a process, and so all that it starts from then on, into a space's control group.

    With version 2, a group with processes can't pass controllers on to those below it (cgroups(7)).
    So the space's own processes are in a leaf beside the group that the kubelet makes for pods.

    Args:
        cgroup: the group, relative to a hierarchy's root; it is made if it isn't there.
        pid: the process, as this process's PID namespace numbers it; one that has ended is skipped.

    Raises:
        OSError: the kernel refuses it; it names the file.
    """
    if (CGROUPS / "cgroup.controllers").exists():
        groups = [_made_v2(cgroup)]
    else:
        groups = [_made_v1(hierarchy, cgroup) for hierarchy in _hierarchies()]
    with suppress(ProcessLookupError):
        for group in groups:
            _write(group / "cgroup.procs", str(pid))


def _made_v1(hierarchy: Path, cgroup: str) -> Path:
    group = hierarchy
    for part in Path(cgroup).parts:
        parent, group = group, group / part
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            # A new cpuset is empty; it accepts no process until it has both (cpuset(7)).
            if (group / setting).exists() and not (group / setting).read_text().strip():
                _write(group / setting, (parent / setting).read_text())
    return group


def _made_v2(cgroup: str) -> Path:
    group = CGROUPS
    for part in (*Path(cgroup).parts, "space"):
        _pass_on(group)
        group /= part
        group.mkdir(exist_ok=True)
    return group


def _pass_on(group: Path) -> None:
    """Let the groups below one have its controllers.

    Each is passed on by itself: of several that are written at once the kernel takes all or none.
    """
    passed = (group / "cgroup.subtree_control").read_text().split()
    for name in (group / "cgroup.controllers").read_text().split():
        if name not in passed:
            try:
                _write(group / "cgroup.subtree_control", f"+{name}")
            except OSError:
                if name in _NEEDED:
                    raise


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error


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
        for pid in _members(members)
    }
    return sorted(pid for pid in pids if pid_numbers(pid)[2:] == ["1"])


def _members(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").split()
    except OSError:  # The group has just gone.
        return []


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
