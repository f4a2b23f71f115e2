"""The linters, and how they run: with what the other tests leave of the machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tests.places import ROOT

Done = subprocess.CompletedProcess[str]

BIN = Path(sys.executable).parent
# The slow ones first.
LINTERS: Mapping[str, tuple[str, ...]] = {
    "ansible-lint": ("ansible-lint", "--offline", "--nocolor"),
    "mypy": ("mypy", "--no-color-output"),
    "yamllint": ("yamllint", "--strict", "."),
    "ruff check": ("ruff", "check", "--no-fix", "."),
    "ruff format": ("ruff", "format", "--check", "."),
}


def run(argv: tuple[str, ...]) -> Done:
    """Run a linter from the virtual environment, behind everything else (nice(1))."""
    program, *arguments = argv
    command = ["nice", "-n", "19", str(BIN / program), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


class Linting:
    """The linters while they run, two at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=2)
        self.began: Mapping[str, Future[Done]] = {
            name: self._pool.submit(run, argv) for name, argv in LINTERS.items()
        }

    def put_away(self) -> None:
        """Let those that run end, and begin none of the others."""
        self._pool.shutdown(cancel_futures=True)
