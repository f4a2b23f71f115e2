"""Which process is meant: its number alone means another process some time after its end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

_STATE, _STARTED = 0, 19  # state and starttime of proc(5)'s stat, counted from the state
_ENDED = ("Z", "X")


@dataclass(frozen=True)
class Process:
    """One process of one boot of this machine.

    ``started`` is when, in clock ticks since the boot, and ``boot`` the kernel's id of that boot.
    """

    pid: int
    started: int
    boot: str

    @property
    def runs(self) -> bool:
        """Whether it still runs: not another process of its number, and not in another boot."""
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
    """What ``/proc/PID/stat`` says from the state on (proc(5)); nothing if there is no process.

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
