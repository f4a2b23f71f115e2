"""Long runs that go on beside the tests, one after the other: each waits much."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.integration.labs import ROOT, Done, command, runner
from tests.integration.machine_state import snapshot

_PLAIN = {"NO_COLOR": "1", "MOLECULE_COMMAND_BORDERS": "0"}


def molecule_command(*arguments: str) -> list[str]:
    """The command line of Molecule with these arguments."""
    return [str(Path(sys.executable).with_name("molecule")), *arguments]


def begin(argv: Sequence[str]) -> subprocess.Popen[str]:
    """Start a program from the project's root, without colours and borders.

    It has a process group of its own, so that it ends with all that it started.
    """
    return subprocess.Popen(
        argv,
        cwd=ROOT,
        env={**os.environ, **_PLAIN},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def molecule(*arguments: str) -> Done:
    """Run Molecule to its end."""
    process = begin(molecule_command(*arguments))
    said, _none = process.communicate(timeout=1800)
    return Done(process.returncode, said)


@dataclass(frozen=True)
class MoleculeRun:
    """A run of all scenarios, and how the machine was before it."""

    done: Done
    before: Mapping[str, list[str]]


class Beside:
    """``full-lab``, then all of Molecule's scenarios.

    Args:
        profile: the lab that ``full-lab`` makes; empty where no test needs it.
        with_molecule: whether a test needs Molecule's run.
    """

    def __init__(self, profile: str, *, with_molecule: bool) -> None:
        self._profile = profile
        self._running: subprocess.Popen[str] | None = None
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._lab: Future[Done] | None = None
        self._scenarios: Future[MoleculeRun] | None = None
        if profile:
            runner("teardown", "--profile", profile)
            self._lab = self._pool.submit(self._run, command("full-lab", "--profile", profile))
        if with_molecule:
            self._scenarios = self._pool.submit(self._run_scenarios)

    def full_lab(self) -> Done:
        """What ``full-lab`` came to, once it has ended."""
        assert self._lab is not None
        return self._lab.result()

    def scenarios(self) -> MoleculeRun:
        """What Molecule came to, once it has ended."""
        assert self._scenarios is not None
        return self._scenarios.result()

    def put_away(self) -> None:
        """End what still runs, and leave no lab."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        running = self._running
        if running is not None and running.poll() is None:
            os.killpg(running.pid, signal.SIGINT)
        self._pool.shutdown()
        if self._scenarios is not None:
            molecule("destroy")
        if self._profile:
            runner("teardown", "--profile", self._profile)

    def _run(self, argv: Sequence[str]) -> Done:
        self._running = begin(argv)
        said, _none = self._running.communicate()
        return Done(self._running.returncode, said)

    def _run_scenarios(self) -> MoleculeRun:
        self._run(molecule_command("destroy"))
        before = snapshot()
        return MoleculeRun(self._run(molecule_command("test", "--all", "--workers", "3")), before)
