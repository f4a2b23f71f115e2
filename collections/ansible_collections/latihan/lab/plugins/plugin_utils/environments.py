"""What a process says of itself: the environment that it was started with."""

from __future__ import annotations

import time
from pathlib import Path

_BECOMES_WITHIN = 2.0
_SURELY = 5  # Times that a process with arguments shows no environment until it has none.


def of(pid: int | str) -> dict[str, str]:
    """A process's environment; empty for one of the kernel's, or one that has ended.

    While a process becomes another program (execve(2)) it shows no arguments and no environment,
    then the arguments first, so it is asked again: none must be overlooked for that.
    """
    process = Path(f"/proc/{pid}")
    deadline, without = time.monotonic() + _BECOMES_WITHIN, 0
    try:
        while not (raw := (process / "environ").read_bytes()):
            (process / "exe").readlink()  # The kernel's own processes have none.
            without += bool((process / "cmdline").read_bytes())
            if without == _SURELY or time.monotonic() > deadline:
                break
            time.sleep(0.001)
    except OSError:
        return {}
    pairs = (item.partition("=") for item in raw.decode(errors="replace").split("\0") if item)
    return {name: value for name, _equals, value in pairs}
