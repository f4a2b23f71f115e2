"""Ends what a run started if the run's own process dies: ``python -m latihan.run.guard MARK``.

SIGKILL gives a process no time to end what it started, and Ansible goes on without it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from latihan.run import stragglers

_ENDED = b"ended"


@contextmanager
def guarded(run: str) -> Iterator[None]:
    """Let a program of its own end the run, by its mark, if this process dies meanwhile."""
    guard = subprocess.Popen(
        [sys.executable, "-m", __name__, run],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        # It outlives a kill of this process's group.
        start_new_session=True,
    )
    try:
        yield
    finally:
        guard.communicate(_ENDED)


def main() -> None:
    """Wait for the word that the run has ended; without it, its process has died."""
    if sys.stdin.buffer.read() != _ENDED:
        stragglers.end(sys.argv[1])


if __name__ == "__main__":
    main()
