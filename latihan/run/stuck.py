"""Finds processes of a run that wait for ever on a lock that a killed one took along.

Ansible's workers share semaphores, which the kernel doesn't give back when their holder dies. The
next worker then waits without end, Ansible waits for that worker, and for the same semaphore if the
worker ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from latihan.run import stragglers

PATIENCE = 30.0
_PAUSE = 5.0
_USER, _SYSTEM, _THREADS = 11, 12, 17  # Fields of proc(5)'s stat, counted from the state.


@dataclass(frozen=True)
class Waiting:
    """A process that can't go on by itself: its one thread waits on a lock (futex(2)).

    ``ticks`` is the processor time that it has used: as long as it doesn't grow, this is one wait.
    """

    process: processes.Process
    ticks: int


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
        waiting = waiting_of(stragglers.pids_of(self.run))
        self._since = {each: self._since.get(each, now) for each in waiting}
        return any(now - since >= seconds(self.patience) for since in self._since.values())


def waiting_of(pids: Iterable[int]) -> Iterable[Waiting]:
    """Those of these processes that wait on a lock with their only thread."""
    for pid in pids:
        fields = processes.stat(pid)
        process = processes.of(pid)
        if process and len(fields) > _THREADS and fields[_THREADS] == "1" and _waits(pid):
            yield Waiting(process, int(fields[_USER]) + int(fields[_SYSTEM]))


def _waits(pid: int) -> bool:
    """Whether it sleeps in futex(2): the name of the kernel's function differs by version."""
    with suppress(OSError):
        return "futex" in Path(f"/proc/{pid}/wchan").read_text(encoding="ascii")
    return False
