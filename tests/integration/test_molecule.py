"""Molecule's scenarios: they pass, and one on a broken cluster fails and says why."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import spaces
from tests.integration import breakages
from tests.integration.labs import STATE, Lab, latest
from tests.integration.machine_state import snapshot
from tests.integration.scenarios import PROFILES, Run, molecule
from tests.places import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")

SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
ACTION = re.compile(
    r"^(?P<scenario>[\w-]+) [>➜] (?P<action>\w+): Executed: (?P<verdict>\w+)", re.MULTILINE
)


def reported(output: str) -> Mapping[str, Mapping[str, list[str]]]:
    """Molecule's final report: for each scenario its actions, with the verdicts of each."""
    found: dict[str, dict[str, list[str]]] = {}
    _progress, _header, details = output.rpartition("DETAILS")
    for line in ACTION.finditer(details):
        actions = found.setdefault(line["scenario"], {})
        actions.setdefault(line["action"], []).append(line["verdict"])
    return found


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_passes(scenarios: Run, scenario: str) -> None:
    actions = reported(scenarios.done.out).get(scenario, {})
    required = {"create", "destroy"} if scenario == "default" else {"converge", "verify"}
    assert actions.keys() >= required, scenarios.done.out[-8000:]
    assert {verdict for verdicts in actions.values() for verdict in verdicts} == {"Successful"}
    assert scenarios.done.code == 0


def assert_nothing_stays(before: Mapping[str, list[str]]) -> None:
    new = {kind: sorted(set(lines) - set(before[kind])) for kind, lines in snapshot().items()}
    assert not any(new.values()), new
    for profile in PROFILES:
        assert spaces.processes(profile, STATE) == []
        assert not (STATE / profile).exists()


def test_scenarios_leave_nothing(scenarios: Run) -> None:
    assert_nothing_stays(scenarios.before)


def test_broken_cluster_fails_with_its_reason(scenarios: Run) -> None:
    """Without kube-proxy a new service leads nowhere: Molecule says what fails and why."""
    created = molecule("create")
    assert created.code == 0, created.out
    lab = Lab(PROFILES[0], created, latest(PROFILES[0]))
    for node in lab.contract["nodes"]:
        breakages.supervise(lab, node["name"], "stop", "kube-proxy")
    done = molecule("test", "-s", "cluster-ip")
    assert done.code != 0
    actions = reported(done.out)["cluster-ip"]
    assert actions["converge"] == ["Successful"], done.out
    assert actions["verify"] == ["Failed"], done.out
    assert actions["cleanup"] == ["Successful"], done.out
    assert re.search(r"outcomes failed: .*S3", done.out), done.out
    assert re.search(r"S3 Each request .*: .*(timeout|no_route|refused)", done.out), done.out
    assert re.search(r"Likely cause: kube-proxy does not run on the node", done.out), done.out
    assert_nothing_stays(scenarios.before)
