"""Ending what a run left running: one that was interrupted, or that was killed.

ansible-runner kills Ansible's process group only, but Ansible's workers, and with them the modules
and programs they started, each have their own session. So every run marks the environment of
all that it starts. The lab's own daemons carry the name of their profile there, and are left alone.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ansible_collections.latihan.lab.plugins.plugin_utils.common import (
    environments,
    processes,
    profiles,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds

RUN_VARIABLE = profiles.RUN_VARIABLE
_PATIENCE = 3.0
_PAUSE = 0.1
_STATE, _SESSION = 0, 3  # Fields of proc(5)'s stat, counted from the state.


def mark(lab: Path) -> str:
    """A new mark for one run: it begins with the folder of the lab that the run works on."""
    return f"{lab}:{uuid.uuid4().hex}"


def marked_labs() -> set[Path]:
    """The folders of the labs on which something that a run started still works."""
    marks = (each.get(RUN_VARIABLE, "") for each in environments.of_this_user())
    return {Path(lab) for lab, _colon, _id in (run.rpartition(":") for run in marks) if lab}


def pids_of(run: str) -> Iterator[int]:
    """The processes of a run, without the daemons of its lab.

    Args:
        run: the run's mark.
    """
    for pid in psutil.pids():
        variables = environments.of(pid)
        if variables.get(RUN_VARIABLE) == run and profiles.PROFILE_VARIABLE not in variables:
            yield pid


def end(run: str, patience: float = _PATIENCE) -> bool:
    """End every process of a run, and all in the sessions that these opened.

    Args:
        run: the run's mark.
        patience: seconds that they have to end by themselves before they are killed.

    Returns:
        Whether there were any.
    """
    return _end(lambda value: value == run, patience)


def end_earlier(lab: Path, patience: float = _PATIENCE) -> bool:
    """End what earlier runs on a lab left running; only for who holds the lab's lock.

    Args:
        lab: the lab's folder.
        patience: as in ``end``.

    Returns:
        Whether there was anything.
    """
    return _end(lambda value: value.startswith(f"{lab}:"), patience)


def _end(is_meant: Callable[[str], bool], patience: float) -> bool:
    """End the processes whose mark is meant; returns whether there were any."""
    sessions: set[int] = set()
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + seconds(patience)
        while _signal_all(is_meant, sessions, number) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
    return bool(sessions)


def _signal_all(is_meant: Callable[[str], bool], sessions: set[int], number: signal.Signals) -> int:
    """Signal them, remember their sessions, and return how many there were."""
    found = 0
    for pid in psutil.pids():
        with _handle_of(pid) as handle:
            if handle is None:
                continue
            variables, session = environments.of(pid), _session(pid)
            if session in (0, os.getsid(0)) or profiles.PROFILE_VARIABLE in variables:
                continue
            if is_meant(variables.get(RUN_VARIABLE, "")):
                sessions.add(session)
            if session in sessions:
                found += 1
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, number)
    return found


@contextmanager
def _handle_of(pid: int) -> Iterator[int | None]:
    """A handle that always means this process, and no later one; None if it has ended."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _session(pid: int) -> int:
    """The session of a process; 0 for one that has ended, or only waits to be reaped."""
    fields = processes.stat(pid)
    return int(fields[_SESSION]) if fields and fields[_STATE] != "Z" else 0
