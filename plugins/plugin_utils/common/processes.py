"""Identifies processes: after a process has ended, another one may get its number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

_STATE, _STARTED = 0, 19  # state and starttime of proc(5)'s stat, counted from the state
_ENDED = ("Z", "X")


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
    fields = stat(pid)
    if not fields or fields[_STATE] in _ENDED:
        return None
    return Process(pid, int(fields[_STARTED]), _boot())


def stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the state on (proc(5)); empty if there is no process.

    The name before that is in parentheses and may hold anything.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
