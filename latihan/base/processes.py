"""The memory that processes use, together with all their descendants."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    """The number of processes, and the memory they use together, in bytes.

    Memory that several share is counted once (the kernel's "proportional set size").
    """

    processes: int
    memory: int


def usage(roots: Iterable[int]) -> Usage:
    """What these processes and all their descendants use."""
    children: dict[int, list[psutil.Process]] = {}
    by_pid = {process.pid: process for process in psutil.process_iter()}
    for process in by_pid.values():
        with suppress(psutil.Error):
            children.setdefault(process.ppid(), []).append(process)
    found: set[int] = set()
    left = [pid for pid in roots if pid in by_pid]
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            left += [child.pid for child in children.get(pid, [])]
    return Usage(len(found), sum(_memory(by_pid[pid]) for pid in found))


def _memory(process: psutil.Process) -> int:
    """The proportional set size in bytes; 0 if the process has ended meanwhile."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
