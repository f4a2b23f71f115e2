"""Finds out that a run waits for ever, since one of its processes was killed.

Ansible's workers share semaphores, which the kernel doesn't give back when their holder dies. The
next worker then waits without end, Ansible waits for that worker, and for the same semaphore if the
worker ends. With the strategy ``free`` it waits for the result of a killed worker, too: it never
asks whether its workers live.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
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
_PARENT, _USER, _SYSTEM, _THREADS = 1, 11, 12, 17


@dataclass(frozen=True)
class Waiting:
    """A process that doesn't go on by itself.

    ``started`` is its start in clock ticks. ``ticks`` is the processor time that it has used, if it
    uses none while it waits: as long as both stay, this is one process and one wait.
    """

    pid: int
    started: int
    ticks: int = 0


@dataclass
class Watchdog:
    """Looks after one run's processes.

    Args:
        run: the run's mark.
        patience: seconds after which a wait is one without end.
        pause: seconds between two looks.
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
        pids = list(stragglers.pids_of(self.run))
        waiting = [*on_locks(pids), *without_workers(pids)]
        self._since = {each: self._since.get(each, now) for each in waiting}
        return any(now - since >= seconds(self.patience) for since in self._since.values())


def on_locks(pids: Iterable[int]) -> Iterator[Waiting]:
    """Those of these processes whose only thread waits on a lock (futex(2))."""
    for pid in pids:
        fields = processes.stat(pid)
        started = processes.started_at(fields)
        if started is not None and fields[_THREADS] == "1" and _waits(pid):
            yield Waiting(pid, started, int(fields[_USER]) + int(fields[_SYSTEM]))


def without_workers(pids: Iterable[int]) -> Iterator[Waiting]:
    """Those of these processes that this one started, and that have no child which still runs.

    Ansible has none only for moments, when it begins, goes on to the next task, or ends.
    """
    known = {pid: processes.stat(pid) for pid in psutil.pids()}
    alive = {
        pid: at for pid, each in known.items() if (at := processes.started_at(each)) is not None
    }
    parents = {pid: int(known[pid][_PARENT]) for pid in alive}
    with_children = set(parents.values())
    for pid in pids:
        if parents.get(pid) == os.getpid() and pid not in with_children:
            yield Waiting(pid, alive[pid])


def _waits(pid: int) -> bool:
    """Whether it sleeps in futex(2): the name of the kernel's function differs by version."""
    with suppress(OSError):
        return "futex" in Path(f"/proc/{pid}/wchan").read_text(encoding="ascii")
    return False
