"""The lab that the integration tests talk to: a real cluster, made once for all of them."""

from __future__ import annotations

import os
import signal
import subprocess
from tempfile import TemporaryFile
from typing import IO

import pytest

from tests.beside import asked_for
from tests.integration.labs import ROOT, Done, Lab, command, latest, runner

PROFILE = "latihan-test"
_STANDING = os.environ.get("LATIHAN_TEST_LAB")


class Making:
    """``full-lab`` as it runs: it waits much, so other tests run meanwhile."""

    def __init__(self) -> None:
        runner("teardown", "--profile", PROFILE)
        self._said: IO[bytes] = TemporaryFile()  # noqa: SIM115 - it lives as long as this does
        self._process = subprocess.Popen(
            command("full-lab", "--profile", PROFILE),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
        )

    def done(self) -> Done:
        """What it came to, once it has ended."""
        code = self._process.wait()
        self._said.seek(0)
        return Done(code, self._said.read().decode(errors="replace"))

    def put_away(self) -> None:
        """End it where it still runs, and leave no lab."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
        runner("teardown", "--profile", PROFILE)


_MAKING = pytest.StashKey[Making]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to make the lab where a test needs it."""
    if asked_for(session, "lab") and not _STANDING:
        session.config.stash[_MAKING] = Making()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave no lab, whatever the tests came to."""
    making = session.config.stash.get(_MAKING, None)
    if making is not None:
        making.put_away()


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> Lab:
    """A lab on which ``full-lab`` has just run.

    For one who writes tests, ``LATIHAN_TEST_LAB=NAME`` names a lab that stands already.
    """
    if _STANDING:
        return Lab(_STANDING, Done(0, ""), latest(_STANDING))
    made = pytestconfig.stash[_MAKING].done()
    if made.code != 0:
        pytest.fail(f"full-lab ended with {made.code}:\n{made.out}", pytrace=False)
    return Lab(PROFILE, made, latest(PROFILE))
