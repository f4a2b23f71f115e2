"""The environments that processes were started with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds

_BECOMES_WITHIN = 2.0
_SURELY = 3  # How often a process must show no environment before that is believed.
_ENV_START, _ENV_END = 47, 48  # env_start and env_end of proc(5)'s stat, counted from the state


def of(pid: int) -> dict[str, str]:
    """A process's environment; empty for a kernel process, or one that has ended.

    psutil stops reading at the first empty entry, and programs (nginx) write over theirs.

    While a process becomes another program (execve(2)) it shows no environment although it has
    one, so an empty one is read again.
    """
    process = Path(f"/proc/{pid}")
    deadline, without = time.monotonic() + seconds(_BECOMES_WITHIN), 0
    try:
        while not (raw := (process / "environ").read_bytes()):
            (process / "exe").readlink()  # The kernel's own processes have none.
            without += _is_empty(processes.stat(pid))
            if without == _SURELY or time.monotonic() > deadline:
                break
            time.sleep(0.001)
    except OSError:
        return {}
    pairs = (item.partition("=") for item in raw.decode(errors="replace").split("\0") if item)
    return {name: value for name, _equals, value in pairs}


def of_this_user() -> Iterator[dict[str, str]]:
    """The environments of this user's processes: nobody trusts what others put into theirs."""
    for pid in psutil.pids():
        with suppress(FileNotFoundError):
            if Path(f"/proc/{pid}").stat().st_uid == os.geteuid():
                yield of(pid)


def _is_empty(stat: list[str]) -> bool:
    """Whether a process's environment is set up and has nothing in it.

    The kernel sets where it begins and ends late in execve(2); until then both are 0.
    """
    return bool(stat) and stat[_ENV_START] == stat[_ENV_END] != "0"
