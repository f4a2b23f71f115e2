"""What a process says of itself: the environment that it was started with."""

from __future__ import annotations

import time
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes

_BECOMES_WITHIN = 2.0
_SURELY = 3  # Times that a process says that it has no environment until that is taken for true.
_ENV_START, _ENV_END = 47, 48  # env_start and env_end of proc(5)'s stat, counted from the state


def of(pid: int) -> dict[str, str]:
    """A process's environment; empty for one of the kernel's, or one that has ended.

    psutil reads it up to the first empty entry, and programs (nginx) write over theirs.

    While a process becomes another program (execve(2)) it shows no environment, though it has one:
    so it is asked again, since none must be overlooked for that.
    """
    process = Path(f"/proc/{pid}")
    deadline, without = time.monotonic() + _BECOMES_WITHIN, 0
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


def _is_empty(stat: list[str]) -> bool:
    """Whether a process has a place for its environment, and nothing in it.

    The kernel sets where that begins and ends late in execve(2); until then both are 0.
    """
    return bool(stat) and stat[_ENV_START] == stat[_ENV_END] != "0"
