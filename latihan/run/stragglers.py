"""Ending what an interrupted run left running.

ansible-runner kills Ansible's process group only, but Ansible's workers, and with them the modules
and programs they started, each have their own session. So every run marks the environment of
all that it starts. The lab's own daemons carry the name of their profile there, and are left alone.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from ansible_collections.latihan.lab.plugins.plugin_utils.common import environments, processes
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import PROFILE_VARIABLE

RUN_VARIABLE = "LATIHAN_RUN"
_PATIENCE = 3.0
_PAUSE = 0.1
_STATE, _SESSION = 0, 3  # Fields of proc(5)'s stat, counted from the state.


def end(run: str, patience: float = _PATIENCE) -> None:
    """End every process of a run, and all in the sessions that these opened.

    Args:
        run: the value of RUN_VARIABLE in their environment.
        patience: seconds that they have to end by themselves before they are killed.
    """
    sessions: set[int] = set()
    deadline = time.monotonic() + patience
    while _signal_all(run, sessions, signal.SIGTERM) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    deadline = time.monotonic() + patience
    while _signal_all(run, sessions, signal.SIGKILL) and time.monotonic() < deadline:
        time.sleep(_PAUSE)


def _signal_all(run: str, sessions: set[int], number: signal.Signals) -> int:
    """Signal them, remember their sessions, and return how many there were."""
    found = 0
    for pid in psutil.pids():
        with _handle_of(pid) as handle:
            if handle is None:
                continue
            variables, session = environments.of(pid), _session(pid)
            if session in (0, os.getsid(0)) or PROFILE_VARIABLE in variables:
                continue
            if variables.get(RUN_VARIABLE) == run:
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
