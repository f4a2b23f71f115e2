"""The one door through which the collection runs other programs."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError

# The reason is often a line or two above the last one.
_LINES_TOLD = 3


@dataclass(frozen=True)
class Completed:
    """A finished program: what was run, how it ended, what it printed, its duration in seconds."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    duration: float

    @property
    def command(self) -> str:
        """The command as a person would type it."""
        return shlex.join(self.argv)


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    timeout: float = 60,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
) -> Completed:
    """Run a program to its end and keep what it printed.

    Args:
        argv: the program and its arguments; never a shell line.
        check: raise when it exits other than 0.
        timeout: seconds until it is killed.
        env: the whole environment, or None for this process's own.
        cwd: the folder to run it in.
        stdin: text it reads.

    Returns:
        What it printed and how it ended.

    Raises:
        LabError: it isn't there, took too long, or (with ``check``) failed.
    """
    started = time.monotonic()
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=env,
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(
            f"The program {argv[0]!r} is not on this machine.",
            "Run `python3 runner.py provision`, which installs what the lab needs.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(
            f"`{shlex.join(argv)}` took more than {timeout:g} s and was ended.",
            detail=_text(error.stdout) + _text(error.stderr),
        ) from error
    finished = Completed(
        tuple(argv), done.returncode, done.stdout, done.stderr, time.monotonic() - started
    )
    if check and finished.returncode != 0:
        said = (finished.stderr.strip() or finished.stdout.strip()).splitlines()
        last = "; ".join(said[-_LINES_TOLD:]) or "it printed nothing"
        raise LabError(
            f"`{finished.command}` ended with {finished.returncode}: {last}",
            detail=finished.stdout + finished.stderr,
        )
    return finished


def _text(output: bytes | str | None) -> str:
    """Output of a killed program, which subprocess hands over undecoded."""
    if isinstance(output, bytes):
        return output.decode(errors="replace")
    return output or ""
