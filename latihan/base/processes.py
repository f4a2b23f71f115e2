"""The memory that processes take, with all that descends from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_KIB = 1024
_PARENT_FIELD = 1  # counted from the field after the name in proc(5)'s stat


@dataclass(frozen=True)
class Usage:
    """How many processes there are, and the memory they take together, in bytes.

    Memory that several share is counted once (the kernel's "proportional set size").
    """

    processes: int
    memory: int


def usage(roots: Iterable[int], proc: Path = Path("/proc")) -> Usage:
    """What these processes and all their descendants take."""
    children: dict[int, list[int]] = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            children.setdefault(_parent(folder), []).append(int(folder.name))
    found: set[int] = set()
    left = list(roots)
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            left += children.get(pid, [])
    return Usage(len(found), sum(_memory(proc / str(pid)) for pid in found))


def _parent(folder: Path) -> int:
    """The process that started this one; 0 where it has ended meanwhile."""
    try:
        text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[_PARENT_FIELD])


def _memory(folder: Path) -> int:
    try:
        lines = (folder / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * _KIB for line in lines if line.startswith("Pss:"))
