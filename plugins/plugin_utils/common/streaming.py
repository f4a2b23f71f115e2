"""Long-running programs: their output line by line, and an end no later than Ansible's."""

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

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError

_PR_SET_PDEATHSIG = 1
_KEPT_LINES = 200
_LOOK_EVERY = 1.0


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def stream(
    argv: Sequence[str],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    contain: bool = False,
    on_silence: Callable[[], None] = lambda: None,
) -> float:
    """Run a long program, and pass on each line that it prints, on either stream, at once.

    Ansible's workers leave the process group of ``ansible-playbook``, so killing a playbook would
    leave the worker and the program behind. Therefore the program dies with this process, and is
    killed if this process loses its parent.

    Args:
        argv: the program and its arguments; no shell reads them.
        on_line: called with each line, without its newline.
        env: the whole environment, or None for this process's own.
        cwd: the folder to run it in.
        on_silence: called about every second in which it prints nothing; an error ends it.
        contain: run it in a PID namespace, so that its children die with it (needs root).

    Returns:
        How long it ran, in seconds.

    Raises:
        LabError: it is not installed, or its exit code isn't 0; ``detail`` has its last lines.
    """
    started, killed = time.monotonic(), refusals.out_of_memory_kills()
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
        raise LabError(f"The program {argv[0]!r} is not installed.") from error
    except OSError as error:
        raise refusals.refusal_of(error, [*argv, cwd]) from error
    with program:
        try:
            for line in _lines(program.stdout, on_silence):
                kept.append(line)
                on_line(line)
        except BaseException:
            program.kill()
            raise
    if program.returncode != 0:
        raise refusals.failed(
            shlex.join(argv), program.returncode, "\n".join(kept), killed, [*argv, cwd]
        )
    return time.monotonic() - started


def _lines(output: IO[bytes] | None, on_silence: Callable[[], None]) -> Iterator[str]:
    """Lines as they come; LabError if this process loses its parent meanwhile."""
    parent, rest = os.getppid(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(output or 0, selectors.EVENT_READ)
        while True:
            if os.getppid() != parent:
                raise LabError("Ansible has ended.")
            ready = selector.select(_LOOK_EVERY)
            if not ready:
                on_silence()
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                *whole, rest = (rest + data).split(b"\n")
                for line in whole if data else filter(None, [*whole, rest]):
                    yield line.decode(errors="replace")
                if not data:
                    return


def plain_environment(**more: str) -> dict[str, str]:
    """This process's environment with English output and no questions, and ``more``."""
    return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **more}
