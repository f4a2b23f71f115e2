"""Molecule's scenarios: they pass, and one on a broken cluster fails and tells why."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.embedded import spaces
from tests.integration.labs import ROOT, STATE, Done, Lab, latest
from tests.integration.machine_state import snapshot

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")

PROFILES = ("latihan-molecule", "latihan-power")
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
ACTION = re.compile(
    r"^(?P<scenario>[\w-]+) [>➜] (?P<action>\w+): Executed: (?P<verdict>\w+)", re.MULTILINE
)
STOP = (sys.executable, "-m", "supervisor.supervisorctl", "-c", "/etc/supervisord.conf", "stop")


def molecule(*arguments: str) -> Done:
    """Run Molecule as a user would, from the project's root, without colours and borders."""
    plain = {"NO_COLOR": "1", "MOLECULE_COMMAND_BORDERS": "0"}
    done = subprocess.run(
        [Path(sys.executable).with_name("molecule"), *arguments],
        cwd=ROOT,
        env={**os.environ, **plain},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )
    return Done(done.returncode, done.stdout)


def reported(output: str) -> Mapping[str, Mapping[str, list[str]]]:
    """Molecule's closing report: for each scenario its actions, with the verdicts of each."""
    found: dict[str, dict[str, list[str]]] = {}
    _progress, _header, details = output.rpartition("DETAILS")
    for line in ACTION.finditer(details):
        actions = found.setdefault(line["scenario"], {})
        actions.setdefault(line["action"], []).append(line["verdict"])
    return found


@dataclass(frozen=True)
class Run:
    """A run of all scenarios, and how the machine was before it."""

    done: Done
    before: Mapping[str, list[str]]


@pytest.fixture(scope="module")
def clean() -> Iterator[None]:
    """No lab of an earlier run, and none for the next."""
    molecule("destroy")
    yield
    molecule("destroy")


@pytest.fixture(scope="module")
def run(clean: None) -> Run:
    """All scenarios, once, side by side."""
    before = snapshot()
    return Run(molecule("test", "--all", "--workers", "3"), before)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_passes(run: Run, scenario: str) -> None:
    actions = reported(run.done.out).get(scenario, {})
    wanted = {"create", "destroy"} if scenario == "default" else {"converge", "verify"}
    assert actions.keys() >= wanted, run.done.out[-8000:]
    assert {verdict for verdicts in actions.values() for verdict in verdicts} == {"Successful"}
    assert run.done.code == 0


def assert_nothing_stays(before: Mapping[str, list[str]]) -> None:
    new = {kind: sorted(set(lines) - set(before[kind])) for kind, lines in snapshot().items()}
    assert not any(new.values()), new
    for profile in PROFILES:
        assert spaces.processes(profile, STATE) == []
        assert not (STATE / profile).exists()


def test_scenarios_leave_nothing(run: Run) -> None:
    assert_nothing_stays(run.before)


def test_broken_cluster_fails_with_its_reason(run: Run) -> None:
    """Without kube-proxy a new service leads nowhere: the outcome that fails is told, and why."""
    created = molecule("create")
    assert created.code == 0, created.out
    lab = Lab(PROFILES[0], created, latest(PROFILES[0]))
    for node in lab.contract["nodes"]:
        stopped = lab.enter(node["name"], *STOP, "kube-proxy")
        assert "kube-proxy: stopped" in stopped.stdout, stopped.stderr
    done = molecule("test", "-s", "cluster-ip")
    assert done.code != 0
    actions = reported(done.out)["cluster-ip"]
    assert actions["converge"] == ["Successful"], done.out
    assert actions["verify"] == ["Failed"], done.out
    assert actions["cleanup"] == ["Successful"], done.out
    assert re.search(r"outcomes failed: .*S3", done.out), done.out
    assert re.search(r"S3 Each request .*: .*(timeout|no_route|refused)", done.out), done.out
    assert re.search(r"Likely cause: kube-proxy does not run on the node", done.out), done.out
    assert_nothing_stays(run.before)
