"""Identifies processes: after a process has ended, another one may get its number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_STATE, _STARTED = 0, 19  # state and starttime of proc(5)'s stat, counted from the state
_ENDED = ("Z", "X")
_TICKS = re.compile("[0-9]{1,20}")  # It counts in 64 bits.


@dataclass(frozen=True)
class Process:
    """One process of one boot of this machine.

    ``started`` is its start in clock ticks since the boot, ``boot`` the kernel's id of that boot.
    """

    pid: int
    started: int
    boot: str

    @property
    def runs(self) -> bool:
        """Whether it still runs: this very process, not another one with its number."""
        return of(self.pid) == self


def of(pid: int) -> Process | None:
    """The process that has this number now; None if none does, or it only waits to be reaped.

    psutil gives the start as a time of day, which moves when somebody sets the clock.
    """
    started = started_at(stat(pid))
    return None if started is None else Process(pid, started, _boot())


def started_at(fields: list[str]) -> int | None:
    """The start of a process, by its fields as in ``stat``; None if it has ended."""
    match fields[_STATE : _STARTED + 1]:
        case [state, *between, started] if (
            len(between) == _STARTED - 1 and state not in _ENDED and _TICKS.fullmatch(started)
        ):
            return int(started)
    return None


def stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the state on (proc(5)); empty if there is no process.

    The name before that is in parentheses and may hold anything.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return fields_of(text)


def fields_of(text: str) -> list[str]:
    """The fields in the text of a ``stat`` file, from the state on."""
    return text.rpartition(")")[2].split()


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
