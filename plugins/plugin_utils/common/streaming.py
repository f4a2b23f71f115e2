"""Long programs: their lines as they come, and no life beyond Ansible's own."""

from __future__ import annotations

import ctypes
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError

_PR_SET_PDEATHSIG = 1
_KEPT_LINES = 200
_LOOK_EVERY = 1.0


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the one that started it ends (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def stream(
    argv: Sequence[str],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    contain: bool = False,
) -> float:
    """Run a long program and hand over each line that it prints, on either stream, as it comes.

    Ansible's workers leave the process group of ``ansible-playbook``, so a playbook that is killed
    would leave worker and program behind. Therefore the program dies with this process, and is
    ended when this process has lost its parent.

    Args:
        argv: the program and its arguments; never a shell line.
        on_line: is called with each line, without its end.
        env: the whole environment, or None for this process's own.
        cwd: the folder to run it in.
        contain: run it in a PID namespace, so that what it starts dies with it too (needs root).

    Returns:
        How long it ran, in seconds.

    Raises:
        LabError: it isn't there, or ended with other than 0; ``detail`` has its last lines.
    """
    started = time.monotonic()
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    inside = ["unshare", "--fork", "--pid", "--kill-child", "--"] if contain else []
    try:
        program = subprocess.Popen(
            [*inside, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - an Ansible worker has one thread
        )
    except FileNotFoundError as error:
        raise LabError(f"The program {argv[0]!r} is not on this machine.") from error
    with program:
        try:
            for line in _lines(program.stdout):
                kept.append(line)
                on_line(line)
        except BaseException:
            program.kill()
            raise
    if program.returncode != 0:
        said = [line.strip() for line in kept if line.strip()]
        raise LabError(
            f"`{shlex.join(argv)}` ended with {program.returncode}:"
            f" {said[-1] if said else 'it printed nothing'}",
            detail="\n".join(kept),
        )
    return time.monotonic() - started


def _lines(output: IO[bytes] | None) -> Iterator[str]:
    """Lines as they come; LabError when this process is orphaned meanwhile."""
    parent, rest = os.getppid(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(output or 0, selectors.EVENT_READ)
        while True:
            if os.getppid() != parent:
                raise LabError("Ansible was ended.")
            for key, _ in selector.select(_LOOK_EVERY):
                data = os.read(key.fd, 1 << 16)
                *whole, rest = (rest + data).split(b"\n")
                for line in whole if data else filter(None, [*whole, rest]):
                    yield line.decode(errors="replace")
                if not data:
                    return


def plain_environment(**more: str) -> dict[str, str]:
    """This process's environment with output in plain English, and ``more``."""
    return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **more}
