"""How patient the lab is: one factor for every time limit, 1 on a machine that is fast enough.

A limit is written down as it is for such a machine, and ``seconds`` is applied where the wait or
the program begins.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

VARIABLE = "lab_patience"
# The fact in which the first task of a run tells the others what it measured.
FACT = "lab_patience_measured"
AUTO = "auto"
# More would be a wait for days.
_MOST = 1000.0
# Whoever waits for a failure should see it within minutes.
_MOST_CROWDED = 6.0
_STEPS = 150_000
_ROUNDS = 3
# Twice what a machine takes on which the limits were set, so that small differences don't count.
_USUAL = 0.01
_PAUSE = 0.02

_factor: list[float] = []


def seconds(limit: float) -> float:
    """How long to wait on this machine.

    Args:
        limit: how long to wait on a machine that is fast enough, in seconds.
    """
    return limit * factor()


def until(true: Callable[[], bool], within: float) -> bool:
    """Look 50 times a second whether something is true; for what takes a moment.

    Args:
        true: looks.
        within: how long to wait on a machine that is fast enough, in seconds.

    Returns:
        Whether it became true.
    """
    deadline = time.monotonic() + seconds(within)
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def factor() -> float:
    """This process's factor: the chosen one, else a measured one."""
    if not _factor:
        _factor.append(of_speed(measured()))
    return _factor[0]


def crowding() -> float:
    """How many processes want each of this machine's processors: 1 if none has to wait, at most 6.

    It is the mean of the last minute (getloadavg(3)), and says nothing of a single moment.
    """
    return min(_MOST_CROWDED, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def choose(value: object) -> None:
    """Set this process's factor.

    Args:
        value: a number above 0; ``auto`` to measure it when it is needed.

    Raises:
        LabError: it is neither.
    """
    _factor[:] = checked(value)


def checked(value: object) -> list[float]:
    """The factor that a value stands for, as a list; empty for ``auto``.

    Raises:
        LabError: it is neither ``auto`` nor a number above 0.
    """
    if value == AUTO:
        return []
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if not 0 < number <= _MOST:
        raise LabError(
            f"{VARIABLE} can't be {value!r}.",
            f"Set it to {AUTO} or to a number above 0, at most {_MOST:g}: 2 doubles every limit.",
            Kind.INPUT,
        )
    return [number]


def of_speed(took: float) -> float:
    """The factor for a machine.

    Args:
        took: what ``measured`` found, in seconds.
    """
    return max(1.0, round(took / _USUAL, 1))


def measured() -> float:
    """The processor time that a loop takes here, in seconds: the best of a few.

    It is processor time, since the limits leave room for a machine that is busy. A round that is
    fast enough is the last: a better one would change nothing.
    """
    best = _round()
    for _ in range(_ROUNDS - 1):
        if of_speed(best) == 1:
            break
        best = min(best, _round())
    return best


def _round() -> float:
    started, number = time.thread_time(), 0
    for step in range(_STEPS):
        number = (number * 31 + step) & 0xFFFFFF
    return time.thread_time() - started
