"""Conditions under which a lab fails without saying why: containers, WSL, limits, AppArmor.

``read`` reads them from the kernel's files. The rest is pure, and yields a check only for what is
wrong. What does a lab no harm (firewalls, Docker, swap ...) is not looked at: docs/machines.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.supply.checks import Check

KMSG = Path("/dev/kmsg")
CGROUPS = Path("/sys/fs/cgroup")
# What the kubelet needs (kubernetes: pkg/kubelet/cm/cgroup_manager_linux.go).
CONTROLLERS = frozenset({"cpu", "cpuset", "memory", "pids"})
# A limit that makes Go's programs end, and how a shell names it (proc(5), bash(1)).
_LIMITS = (("Max address space", "ulimit -v"), ("Max file size", "ulimit -f"))
_CONFINED = re.compile(r"(?P<profile>.+) \(enforce\)")


@dataclass(frozen=True)
class Conditions:
    """What the kernel says; each is the text of a file, and empty if there is none.

    ``kernel`` is its release, ``mounts`` and ``limits`` are this process's. ``kmsg`` is why the
    kernel's log can't be read, empty if it can. The last three are files of the control group that
    this process sees as the first of version 2.
    """

    kernel: str = ""
    mounts: str = ""
    limits: str = ""
    kmsg: str = ""
    group_events: str = ""
    group_processes: str = ""
    group_passes_on: str = ""


def read() -> Conditions:
    """Read them; changes nothing."""
    return Conditions(
        kernel=_text(Path("/proc/sys/kernel/osrelease")),
        mounts=_text(Path("/proc/self/mounts")),
        limits=_text(Path("/proc/self/limits")),
        # To others than root the kernel may refuse it, and without root there is no lab.
        kmsg=_unreadable(KMSG) if os.geteuid() == 0 else "",
        group_events=_text(CGROUPS / "cgroup.events"),
        group_processes=_text(CGROUPS / "cgroup.procs"),
        group_passes_on=_text(CGROUPS / "cgroup.subtree_control"),
    )


def judge(seen: Conditions) -> Iterator[Check]:
    """The checks that failed, and the warnings."""
    yield from _wsl(seen.kernel)
    yield from _read_only(seen.mounts)
    yield from _nested(seen)
    yield from _kmsg(seen.kmsg)
    yield from _limits(seen.limits)


def _wsl(kernel: str) -> Iterator[Check]:
    """Microsoft's kernel for WSL 2 has that number in its release; WSL 1 only imitates a kernel."""
    if "microsoft" not in kernel.lower():
        return
    if "WSL2" in kernel:
        message = "This is WSL 2, where the lab was never tried."
        yield Check("WSL", True, message, "If it fails, use a virtual machine.", warning=True)
    else:
        yield Check(
            "WSL",
            False,
            "This is WSL 1, which has no namespaces.",
            "Convert it, in Windows: `wsl --set-version NAME 2`.",
        )


def _read_only(mounts: str) -> Iterator[Check]:
    """Hierarchies of control groups in which no group can be made."""
    found = []
    for line in mounts.splitlines():
        _source, place, kind, options, *_rest = line.split()
        if kind in ("cgroup", "cgroup2") and Path(place).is_relative_to(CGROUPS):
            found += [place] if "ro" in options.split(",") else []
    if found:
        yield Check(
            "cgroups",
            False,
            f"Control groups are mounted read-only: {', '.join(found)}.",
            "Mount them writable; in a container, see docs/containers.md.",
        )


def _nested(seen: Conditions) -> Iterator[Check]:
    """A group other than the machine's first can't both have processes and pass controllers on.

    Only the first has no ``cgroup.events`` (kernel: Documentation/admin-guide/cgroup-v2.rst, "No
    Internal Process Constraint").
    """
    kept = sorted(CONTROLLERS - set(seen.group_passes_on.split()))
    if seen.group_events and seen.group_processes and kept:
        yield Check(
            "cgroups",
            False,
            f"The control group of this container has processes, so it can't pass on the"
            f" controllers {', '.join(kept)}.",
            "Move its processes into a group below it; in a container, see docs/containers.md.",
        )


def _kmsg(trouble: str) -> Iterator[Check]:
    """The kubelet ends without it (kubernetes: pkg/kubelet/oom/oom_watcher_linux.go)."""
    if trouble:
        yield Check(
            "kernel's log",
            False,
            f"{KMSG} can't be read ({trouble}), and the kubelet ends without it.",
            f"In a container, pass it on (`--device {KMSG}`); else `mknod {KMSG} c 1 11`.",
        )


def _limits(text: str) -> Iterator[Check]:
    for name, command in _LIMITS:
        found = re.search(rf"^{name} +(\d+) ", text, re.MULTILINE)
        if found:
            yield Check(
                "limits",
                True,
                f"{name.replace('Max', 'The')} of a program is limited to {found[1]} bytes.",
                f"If programs end, lift it: `{command} unlimited`; see limits.conf(5).",
                warning=True,
            )


def confinement(label: str) -> list[Check]:
    """A warning if AppArmor confines what the lab starts.

    Args:
        label: what /proc/self/attr/current says there, as in ``docker-default (enforce)``.
    """
    found = _CONFINED.fullmatch(label.strip())
    if not found:
        return []
    message = f"AppArmor's profile {found['profile']!r} confines what the lab starts."
    hint = (
        "If it fails, disable the profile (`aa-disable`); in a container, start it with"
        " `--security-opt apparmor=unconfined`."
    )
    return [Check("AppArmor", True, message, hint, warning=True)]


def _unreadable(path: Path) -> str:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
