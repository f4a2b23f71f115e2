"""Spaces: the lab's host and nodes, each a set of Linux namespaces around a process manager.

A space is its PID 1. Ending that process is a power cut: the kernel ends every process of its PID
namespace, and removes the network, the mounts and the rest with the last of them
(pid_namespaces(7)). The environment of each process says which space it belongs to, so a lab can be
found without a state file.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Self, cast

import psutil

from ansible_collections.latihan.lab.plugins.plugin_utils.common import environments, refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes as numbered
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import (
    PROFILE_VARIABLE,
    Profile,
    may_be_named,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.cgroups import (
    join,
    pid_numbers,
)

SPACE_VARIABLE = "LATIHAN_SPACE"
STATE_VARIABLE = "LATIHAN_STATE_FOLDER"
SUPERVISOR_SOCKET = "/run/supervisor.sock"
_COLLECTIONS = Path(__file__).parents[7]
_PID1 = f"{__package__}.pid1"
# On a slow disk the kernel ends a process only when its last write is done.
_ENDED_WITHIN = 60.0
_WAKES_WITHIN = 3.0


@dataclass(frozen=True)
class SpaceSpec:
    """What PID 1 needs to know to set up a space.

    Args:
        name: the space's host name.
        folder: its folder; ``etc`` and ``var`` in it become its /etc (over the machine's) and /var.
        keep: paths of the machine that must stay visible even if they are below /var.
        cgroup: the control group of all its processes, relative to a hierarchy's root.
        kernel_settings: what /proc/sys/KEY shows inside; the machine's own settings stay.
        network_settings: what /proc/sys/net/KEY of the space's own network is set to.
    """

    name: str
    folder: str
    keep: tuple[str, ...]
    cgroup: str
    kernel_settings: Mapping[str, str] = field(default_factory=dict)
    network_settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Space:
    """A running space; ``pid`` is its PID 1 as this machine sees it."""

    name: str
    pid: int

    @property
    def enter(self) -> tuple[str, ...]:
        """The command line that runs what follows it inside the space."""
        return (
            *("nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid"),
            "--",
        )

    @property
    def enter_network(self) -> tuple[str, ...]:
        """The command line that runs what follows it in the space's network alone."""
        return ("nsenter", f"--target={self.pid}", "--net", "--")


class Starting:
    """A space whose namespaces exist, and whose PID 1 waits for ``go``.

    Leaving the ``with`` block without ``go`` ends it, so nothing half-done stays behind.
    """

    def __init__(self, process: subprocess.Popen[bytes], word: IO[bytes], space: Space) -> None:
        self._process = process
        self._word = word
        self.space = space

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if not self._word.closed:
            self._word.close()
            self._process.wait()

    def go(self) -> None:
        """Let PID 1 start its programs."""
        self._word.write(b"go\n")
        self._word.close()


def environment(lab: Profile, space: str) -> dict[str, str]:
    """The environment of a lab's process: of the caller's, only what it needs for Python.

    Args:
        lab: the lab, by which the process is found.
        space: its space, or what else it is to the lab.
    """
    return {
        **{key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ},
        "PYTHONPATH": str(_COLLECTIONS),
        PROFILE_VARIABLE: lab.name,
        SPACE_VARIABLE: space,
        STATE_VARIABLE: str(lab.state),
    }


def begin(spec: SpaceSpec, *, profile: str, state: Path) -> Starting:
    """Make a space's namespaces.

    Args:
        spec: what the space is.
        profile: the lab it belongs to.
        state: the folder that has a folder for each profile.

    Raises:
        LabError: the kernel refused, or setting up failed; it has the output.
    """
    folder = Path(spec.folder)
    folder.mkdir(parents=True, exist_ok=True)
    spec_file = folder / "space.json"
    spec_file.write_text(json.dumps(asdict(spec)), encoding="utf-8")
    log = folder / "start.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [
                *("unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork"),
                *("--kill-child", "--", sys.executable, "-m", _PID1, str(spec_file)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env=environment(Profile(profile, state), spec.name),
            cwd="/",
            start_new_session=True,
        )
    word, answer = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    # PID 1 prints one word when it is ready; an end of file means that it gave up.
    with answer:
        ready = answer.readline() == b"ready\n"
    if not ready:
        word.close()
        process.wait()
        said = log.read_text(encoding="utf-8").strip()
        last = said.splitlines()[-1] if said else "it printed nothing"
        raise refusals.explained(
            f"The namespaces of {spec.name} can't be made: {last}.",
            "Run `python3 runner.py doctor` to see what the machine is missing.",
            said,
            [folder],
        )
    # If this process, which waits for PID 1, were killed with a session, the space would end too.
    join(spec.cgroup, process.pid)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8")
    return Starting(process, word, Space(spec.name, int(children.split()[0])))


def wake(space: Space, within: float = _WAKES_WITHIN) -> None:
    """Make a space's process manager start its programs now.

    supervisord checks what to start after a pause of a second, or as soon as somebody connects
    (supervisor: supervisord.py, runforever). If connecting takes too long, the pause will do.
    """
    deadline = time.monotonic() + seconds(within)
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(OSError):
            line.connect(f"/proc/{space.pid}/root{SUPERVISOR_SOCKET}")
            return
        time.sleep(0.02)


def labs() -> set[Profile]:
    """The labs that processes of this user say that they belong to."""
    return {
        Profile(each[PROFILE_VARIABLE], Path(each[STATE_VARIABLE]))
        for each in environments.of_this_user()
        if {PROFILE_VARIABLE, STATE_VARIABLE} <= each.keys()
        and may_be_named(each[PROFILE_VARIABLE])
    }


def find(profile: str, state: Path) -> dict[str, Space]:
    """The running spaces of a lab, by name."""
    found: dict[str, Space] = {}
    for pid, variables in _processes(profile, state):
        name = variables.get(SPACE_VARIABLE)
        if name and _is_pid1(pid):
            found[name] = Space(name, pid)
    return found


def processes(profile: str, state: Path, space: str | None = None) -> list[int]:
    """Every process whose environment says that it belongs to the lab (or to that one space)."""
    return [
        pid
        for pid, variables in _processes(profile, state)
        if space is None or variables.get(SPACE_VARIABLE) == space
    ]


def power_off(space: Space) -> None:
    """Cut a space's power: end its PID 1, and wait until the kernel has removed the rest."""
    _kill(space.pid, signal.SIGKILL)
    wait_gone([space.pid])


def wait_gone(pids: list[int], within: float = _ENDED_WITHIN) -> None:
    """Wait until none of the processes runs any more.

    Raises:
        LabError: one still runs after ``within`` seconds, or more on a slow machine.
    """
    deadline = time.monotonic() + seconds(within)
    left = [process for pid in pids if (process := numbered.of(pid))]
    while left:
        if time.monotonic() > deadline:
            raise LabError(
                f"The processes {', '.join(str(process.pid) for process in left)} don't end.",
                "See what they wait for with `cat /proc/PID/stack`, then try again.",
            )
        time.sleep(0.02)
        left = [process for process in left if process.runs]


def kill(pids: list[int]) -> None:
    """End processes at once; those that have ended already are skipped."""
    for pid in pids:
        _kill(pid, signal.SIGKILL)


def terminate(pids: list[int]) -> None:
    """Ask processes to end."""
    for pid in pids:
        _kill(pid, signal.SIGTERM)


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _processes(profile: str, state: Path) -> Iterator[tuple[int, dict[str, str]]]:
    wanted = {PROFILE_VARIABLE: profile, STATE_VARIABLE: str(state)}
    for pid in psutil.pids():
        variables = environments.of(pid)
        if wanted.items() <= variables.items():
            yield pid, variables


def _is_pid1(pid: int) -> bool:
    """Whether a process is the first of a PID namespace directly below this one.

    A container's first process is one level further down; its environment says that it is its
    node's until it becomes the container's program.
    """
    return pid_numbers(pid)[1:] == ["1"]
