"""How the integration tests run the lab and look into it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live, waiting
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import read
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import compiled
from latihan.base.project import from_environment
from tests.places import ROOT

CACHE = Path(os.environ.get("LATIHAN_CACHE", "/var/cache/latihan"))
STATE = Path(os.environ.get("LATIHAN_STATE", "/var/lib/latihan"))
# The surroundings that the lab of these tests is made in: nothing that others make is readable, and
# a process may open few files.
UNUSUAL_SHELL = ("/bin/sh", "-c", 'umask 077; ulimit -Sn 256; exec "$@"', "sh")
# Both address families, so that a survey has what to ask in the second one.
MADE_WITH = ("-e", "lab_ip_family=dual")
# For a lab that is made nothing is fetched, so a proxy where nobody listens does no harm.
DEAD_PROXIES = dict.fromkeys(("HTTPS_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:1")


@dataclass(frozen=True)
class Done:
    """A run of ``runner.py``: its exit code and what it printed."""

    code: int
    out: str


class Beside:
    """A program that runs beside the tests, in its own session.

    Args:
        argv: the program and its arguments.
        environment: variables to add to the environment of the tests.
    """

    def __init__(
        self, argv: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> None:
        self._said: IO[bytes] = TemporaryFile()  # noqa: SIM115 - it lives as long as this does
        self._process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def done(self, within: float | None = None) -> Done:
        """How it ended; waits until it has, and raises TimeoutExpired if that takes too long."""
        code = self._process.wait(within)
        self._said.seek(0)
        return Done(code, self._said.read().decode(errors="replace"))

    def end(self, within: float) -> None:
        """Interrupt it if it still runs, and kill what is left after that time (seconds)."""
        if self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within)
        # Those that it started may outlive it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def command(*arguments: str) -> list[str]:
    """The command line of ``python3 runner.py`` with these arguments."""
    return [sys.executable, str(ROOT / "runner.py"), *arguments]


def runner(
    *arguments: str, timeout: float = 2700, environment: Mapping[str, str] | None = None
) -> Done:
    """Run ``python3 runner.py`` as a user would, and keep what it printed.

    Args:
        arguments: the command line.
        timeout: seconds.
        environment: variables to add to the environment of the tests.
    """
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environment or {})},
        timeout=timeout,
        check=False,
    )
    return Done(done.returncode, done.stdout)


def latest(profile: str) -> Path:
    """The folder of the last run on a profile."""
    return (from_environment().artifacts(profile) / "latest").resolve()


def report_in(folder: Path) -> dict[str, Any]:
    """The report that a run left."""
    document: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return document


@dataclass(frozen=True)
class Lab:
    """A running lab, the run of ``full-lab`` that made it, and the folder of that run."""

    profile: str
    made: Done
    artifacts: Path

    @property
    def contract_path(self) -> Path:
        """The lab's contract."""
        return STATE / self.profile / "contract.json"

    @property
    def contract(self) -> dict[str, Any]:
        """What the contract says now."""
        document: dict[str, Any] = json.loads(self.contract_path.read_text(encoding="utf-8"))
        return document

    def runner(self, name: str, *arguments: str) -> Done:
        """Run a playbook or command on this lab, which goes through no proxy."""
        return runner("--profile", self.profile, name, *arguments, environment=DEAD_PROXIES)

    def kubectl(self, *arguments: str) -> str:
        """What kubectl prints; it has to succeed."""
        lab = self.contract
        options = [f"--kubeconfig={lab['kubeconfig']}", f"--cache-dir={lab['kubectl_cache']}"]
        command = [lab["kubectl"], *options, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def wait(self, *until: str, namespace: str = "default") -> None:
        """Wait until that is true of a namespace of the cluster."""
        place = live.lab(str(self.contract_path), namespace)
        goal = waiting.Goal([compiled(source) for source in until])
        assert waiting.wait(place.api, place.contract, place.namespace, goal).unmet == ""

    def enter(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on a node, or on ``host``."""
        enter = read(self.contract_path).enter(name)
        return subprocess.run([*enter, *command], capture_output=True, text=True, check=False)

    def report(self) -> dict[str, Any]:
        """The report of the last run on this lab."""
        return report_in(latest(self.profile))
