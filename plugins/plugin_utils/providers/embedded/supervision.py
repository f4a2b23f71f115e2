"""A space's process manager: what it is told, and whether it keeps all of its programs running."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial
from http.client import HTTPException
from typing import cast
from xmlrpc.client import Error, ServerProxy

from supervisor.states import ProcessStates
from supervisor.xmlrpc import SupervisorTransport, UnixStreamHTTPConnection

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.spaces import (
    SUPERVISOR_SOCKET,
    Space,
)

_SUPERVISORCTL = (
    *(sys.executable, "-P", "-m", "supervisor.supervisorctl"),
    *("--configuration", "/etc/supervisord.conf"),
)
# A program that is told to stop has 5 s for it (supervisord.conf, stopwaitsecs).
_SETTLES_WITHIN = 10.0
_PAUSE = 0.1
_ANSWERS_WITHIN = 5.0
_DOWN = (ProcessStates.STOPPED, ProcessStates.FATAL)


def supervise(enter: Sequence[str], *arguments: str) -> str:
    """Tell a space's process manager what to do; returns what it printed.

    Args:
        enter: the command line that enters the space.
        arguments: the arguments of supervisorctl.
    """
    return run([*enter, *_SUPERVISORCTL, *arguments]).stdout


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
            trouble = "a program doesn't stop"
        except (OSError, HTTPException, Error) as error:
            trouble = str(error)  # It may have just begun, or be about to end.
        if time.monotonic() > deadline:
            raise LabError(f"The process manager of {space.name} doesn't work: {trouble}.")
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


def _manager(space: Space) -> ServerProxy:
    """The process manager, over the socket of its space."""
    return ServerProxy("http://supervisor", _Transport(space))


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
