"""How the collection runs other programs."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds


@dataclass(frozen=True)
class Completed:
    """A finished program: its command line, exit code, output, and duration in seconds."""

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
    """Run a program to its end.

    Args:
        argv: the program and its arguments; no shell reads them.
        check: raise an error if the exit code isn't 0.
        timeout: seconds after which the program is killed; more on a slow machine (``patience``).
        env: the whole environment, or None for this process's own.
        cwd: the folder to run it in.
        stdin: the text for its standard input.

    Returns:
        Its exit code and output.

    Raises:
        LabError: it is not installed, can't be run, took too long, or (with ``check``) failed.
    """
    started, killed = time.monotonic(), refusals.out_of_memory_kills()
    limit = seconds(timeout)
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            env=env,
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(
            f"The program {argv[0]!r} is not installed.",
            "Run `python3 runner.py provision`, which installs what the lab needs.",
        ) from error
    except (OSError, ValueError) as error:  # ValueError: an argument with a null byte.
        if refusals.shortage_of(error):
            raise refusals.refusal_of(error, [*argv, cwd]) from error
        why = error.strerror if isinstance(error, OSError) else error
        raise LabError(f"{argv[0]!r} can't be run: {why}.", kind=Kind.MACHINE) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(
            f"`{shlex.join(argv)}` took more than {limit:g} s and was killed.",
            detail=_text(error.stdout) + _text(error.stderr),
        ) from error
    finished = Completed(
        tuple(argv), done.returncode, done.stdout, done.stderr, time.monotonic() - started
    )
    if check and finished.returncode != 0:
        said = finished.stderr if finished.stderr.strip() else finished.stdout
        failed = refusals.failed(finished.command, finished.returncode, said, killed, [*argv, cwd])
        failed.detail = finished.stdout + finished.stderr
        raise failed
    return finished


def _text(output: bytes | str | None) -> str:
    """Output of a killed program, which subprocess doesn't decode."""
    if isinstance(output, bytes):
        return output.decode(errors="replace")
    return output or ""
