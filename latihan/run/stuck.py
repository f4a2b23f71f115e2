"""Finds out that a run waits for ever, since one of its processes was killed.

Ansible's workers share semaphores, which the kernel doesn't give back when their holder dies. The
next worker then waits without end, Ansible waits for that worker, and for the same semaphore if the
worker ends. With the strategy ``free``, it waits for the result of a killed worker itself, too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from latihan.run import stragglers

PATIENCE = 30.0
_PAUSE = 5.0
# Fields of proc(5)'s stat, counted from the state.
_STATE, _PARENT, _USER, _SYSTEM, _THREADS, _STARTED, _STATUS = 0, 1, 11, 12, 17, 19, 49


@dataclass(frozen=True)
class Waiting:
    """A process that doesn't go on by itself.

    ``started`` and ``ticks`` are its start and the processor time that it has used, in clock ticks:
    as long as they stay, this is one process and one wait.
    """

    pid: int
    started: str
    ticks: int


@dataclass
class Watchdog:
    """Looks after one run's processes.

    Args:
        run: the run's mark.
        patience: seconds after which a wait is one without end.
        pause: seconds between two looks; a killed worker counts if two of them find it.
    """

    run: str
    patience: float = PATIENCE
    pause: float = _PAUSE
    _since: dict[Waiting, float] = field(default_factory=dict, init=False)
    _next: float = field(default=0.0, init=False)

    def is_stuck(self) -> bool:
        """Whether one of the run's processes waits for ever."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self.pause
        pids = set(stragglers.pids_of(self.run))
        limits = dict.fromkeys(waiting_of(pids), seconds(self.patience))
        limits.update(dict.fromkeys(killed_of(pids), self.pause))
        self._since = {each: self._since.get(each, now) for each in limits}
        return any(now - since >= limits[each] for each, since in self._since.items())


def waiting_of(pids: Collection[int]) -> Iterator[Waiting]:
    """Those of these processes whose only thread waits on a lock (futex(2))."""
    for pid in pids:
        fields = processes.stat(pid)
        if len(fields) > _STATUS and fields[_THREADS] == "1" and _waits(pid):
            yield _waiting(pid, fields)


def killed_of(pids: Collection[int]) -> Iterator[Waiting]:
    """Ansible's workers that a signal ended, as long as Ansible hasn't asked for their end.

    Args:
        pids: the processes of a run. The first of them, whose parent isn't one, is Ansible.
    """
    of_all = {pid: fields for pid in psutil.pids() if len(fields := processes.stat(pid)) > _STATUS}
    first = {pid for pid in pids if pid in of_all and int(of_all[pid][_PARENT]) not in pids}
    for pid, fields in of_all.items():
        ended = fields[_STATE] == "Z" and int(fields[_PARENT]) in first
        if ended and os.WIFSIGNALED(int(fields[_STATUS])):
            yield _waiting(pid, fields)


def _waiting(pid: int, fields: list[str]) -> Waiting:
    return Waiting(pid, fields[_STARTED], int(fields[_USER]) + int(fields[_SYSTEM]))


def _waits(pid: int) -> bool:
    """Whether it sleeps in futex(2): the name of the kernel's function differs by version."""
    with suppress(OSError):
        return "futex" in Path(f"/proc/{pid}/wchan").read_text(encoding="ascii")
    return False
