"""The linters, each as a test: what one of them says is the failure's text."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LINTERS: Mapping[str, tuple[str, ...]] = {
    "ansible-lint": ("ansible-lint", "--offline", "--nocolor"),
    "mypy": ("mypy", "--no-color-output"),
    "yamllint": ("yamllint", "--strict", "."),
    "ruff check": ("ruff", "check", "--no-fix", "."),
    "ruff format": ("ruff", "format", "--check", "."),
}


def run(argv: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    program, *arguments = argv
    return subprocess.run(
        [str(BIN / program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def started() -> Iterator[Mapping[str, Future[subprocess.CompletedProcess[str]]]]:
    """All of them, two at a time, the slow ones first."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {name: pool.submit(run, argv) for name, argv in LINTERS.items()}


@pytest.mark.parametrize("name", LINTERS)
def test_lint(name: str, started: Mapping[str, Future[subprocess.CompletedProcess[str]]]) -> None:
    done = started[name].result()
    if done.returncode != 0:
        pytest.fail(f"{done.stdout}{done.stderr}", pytrace=False)
