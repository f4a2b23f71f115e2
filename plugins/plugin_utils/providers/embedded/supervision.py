"""A space's process manager: what it is told, and whether it keeps all of its programs running."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from typing import cast
from xmlrpc.client import Error, Fault, ServerProxy

from supervisor.states import STOPPED_STATES, ProcessStates
from supervisor.xmlrpc import Faults, SupervisorTransport, UnixStreamHTTPConnection

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds, until
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.spaces import (
    SUPERVISOR_SOCKET,
    Space,
)

# A program that is told to stop has 5 s for it (supervisord.conf, stopwaitsecs).
_SETTLES_WITHIN = 10.0
_PAUSE = 0.1
_ANSWERS_WITHIN = 5.0
_DOWN = (ProcessStates.STOPPED, ProcessStates.FATAL)


def stop(space: Space, program: str, within: float = _SETTLES_WITHIN) -> None:
    """Stop a program of a space, if it runs, and wait until it has ended.

    Args:
        space: the space.
        program: the program's name.
        within: seconds in which it has to end.

    Raises:
        LabError: the process manager doesn't answer, or the program doesn't end.
    """
    with _manager(space) as manager:

        def stopped() -> bool:
            process = cast("dict[str, int]", manager.supervisor.getProcessInfo(program))
            return process["state"] in STOPPED_STATES

        try:
            manager.supervisor.stopProcess(program, False)
        except Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise
        if not until(stopped, within):
            raise LabError(f"{program} of {space.name} doesn't stop.")


def start(space: Space, program: str) -> None:
    """Start a program of a space, without the second that it must run to count as started.

    Raises:
        LabError: the process manager doesn't answer, or the program runs already.
    """
    with _manager(space) as manager:
        manager.supervisor.startProcess(program, False)


def complete(space: Space, within: float = _SETTLES_WITHIN) -> bool:
    """Start those programs of a space that somebody stopped, as an interrupted ``stop`` does.

    One that has died is none of them: its process manager starts it again.

    Args:
        space: the space.
        within: seconds in which the process manager has to answer, and programs that are just
            stopping have to end.

    Returns:
        Whether there were any.

    Raises:
        LabError: the process manager doesn't answer, or a program doesn't end.
    """
    deadline = time.monotonic() + seconds(within)
    while True:
        try:
            states = _states(space)
            if ProcessStates.STOPPING not in states:
                return _start_all(space) if any(state in _DOWN for state in states) else False
            trouble = LabError(f"A program of {space.name} doesn't stop.")
        except LabError as error:
            trouble = error  # It may have just begun, or be about to end.
        if time.monotonic() > deadline:
            raise trouble
        time.sleep(_PAUSE)


def _states(space: Space) -> list[int]:
    """The state of each program, by its number (supervisor: states.py, ProcessStates)."""
    with _manager(space) as manager:
        processes = cast("list[dict[str, int]]", manager.supervisor.getAllProcessInfo())
    return [process["state"] for process in processes]


def _start_all(space: Space) -> bool:
    with _manager(space) as manager:
        manager.supervisor.startAllProcesses(False)
    return True


@contextmanager
def _manager(space: Space) -> Iterator[ServerProxy]:
    """The process manager, over its space's socket; LabError if it is silent or refuses."""
    try:
        with ServerProxy("http://supervisor", _Transport(space)) as manager:
            yield manager
    except (OSError, HTTPException, Error) as error:
        raise LabError(f"The process manager of {space.name} doesn't work: {error}.") from error


class _Transport(SupervisorTransport):
    def __init__(self, space: Space) -> None:
        socket = f"/proc/{space.pid}/root{SUPERVISOR_SOCKET}"
        super().__init__(serverurl=f"unix://{socket}")
        self._get_connection = partial(_Connection, socket)


class _Connection(UnixStreamHTTPConnection):
    """Gives up on a process manager that is frozen: it takes a request and never answers."""

    def __init__(self, socket: str) -> None:
        super().__init__("localhost")
        self.socketfile = socket

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(seconds(_ANSWERS_WITHIN))
