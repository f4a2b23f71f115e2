"""A lab that is taken down, or was never finished, leaves the machine as it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import spaces
from tests.integration.labs import CACHE, STATE, command, runner
from tests.integration.machine_state import snapshot
from tests.integration.outside import Outside, watched
from tests.places import ROOT

PROFILE = "latihan-gone"
_STARTS_WITHIN = 2400


def assert_nothing_stays(before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    for kind, lines in before.items():
        new = sorted(set(after[kind]) - set(lines))
        gone = sorted(set(lines) - set(after[kind]))
        assert (new, gone) == ([], []), f"{kind}: new {new}, gone {gone}"
    assert spaces.processes(PROFILE, STATE) == []
    assert not (STATE / PROFILE).exists()


@pytest.fixture(scope="module", autouse=True)
def _caches() -> None:
    """Caches and the machine's tools stay, so they are made before anything is compared."""
    if all((CACHE / name).is_dir() for name in ("daemons", "kubernetes", "images")):
        return
    done = runner("provision", "--profile", PROFILE)
    assert done.code == 0, done.out
    assert runner("teardown", "--profile", PROFILE).code == 0


def test_teardown_leaves_nothing() -> None:
    with watched() as machine:
        before = snapshot_on(machine)
        machine.run(*command("provision", "--profile", PROFILE))
        assert len(spaces.find(PROFILE, STATE)) == 3
        # A lab has no cable into the machine's own network, so nothing of it can get out.
        during = snapshot_on(machine)
        for kind in ("links", "addresses", "routes", "rules", "firewall"):
            assert during[kind] == before[kind]
        machine.run(*command("teardown", "--profile", PROFILE))
        assert_nothing_stays(before, snapshot_on(machine))
        counted = machine.counted()
    assert not any(counted.values()), counted


def snapshot_on(machine: Outside) -> dict[str, list[str]]:
    """The snapshot of a machine that is a network namespace."""
    said = machine.run(sys.executable, "-m", snapshot.__module__)
    found: dict[str, list[str]] = json.loads(said)
    return found


def test_interrupted_provision_leaves_nothing() -> None:
    before = snapshot()
    process = half_provisioned()
    os.killpg(process.pid, signal.SIGINT)
    output, _none = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert_nothing_stays(before, snapshot())


def test_killed_provision_leaves_nothing_for_teardown() -> None:
    before = snapshot()
    process = half_provisioned()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    torn_down = runner("teardown", "--profile", PROFILE)
    assert torn_down.code == 0, torn_down.out
    assert_nothing_stays(before, snapshot())


def half_provisioned() -> subprocess.Popen[str]:
    """A run that is just making the lab, in a session of its own."""
    process = subprocess.Popen(
        command("provision", "--profile", PROFILE),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + _STARTS_WITHIN
    while len(spaces.find(PROFILE, STATE)) < 3:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process
