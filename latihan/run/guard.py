"""Ends what a run started if its own process dies: ``python -m latihan.run.guard MARK FOLDER``.

SIGKILL gives a process no time to end what it started, and Ansible goes on without it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from latihan.run import stragglers

_ENDED = b"ended"


@contextmanager
def guarded(run: str, folder: str) -> Iterator[None]:
    """Let a program of its own end a run if this process dies meanwhile.

    Args:
        run: the run's mark.
        folder: the run's temporary folder, which goes too.
    """
    guard = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, run, folder],
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
        run, folder = sys.argv[1:]
        stragglers.end(run)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
