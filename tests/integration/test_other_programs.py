"""The lab with minikube and kind: stand-ins for them, with an embedded cluster behind.

What is proven is what the lab does with their answers, and that the outcomes hold on a cluster that
is reached in that way; not how the real programs behave.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST
from tests.integration.labs import STATE, Done, Lab, latest, report_in, runner
from tests.providers_table import proven_by_provider
from tests.standins import backing

MINIKUBE, KIND = "latihan-mini", "latihan-kind"
SECOND_NETWORK = "192.168.63.0/24"


class Guest:
    """A lab of another provider, whose program is a stand-in.

    Args:
        lab: the embedded lab behind it.
        profile, provider: the new lab's.
        folder: where the stand-ins are put.
    """

    def __init__(self, lab: Lab, profile: str, provider: str, folder: Path) -> None:
        self.profile = profile
        self._provider = provider
        self._environment = backing.install(folder, lab.contract_path)
        variables = {
            "lab_enter_host": str(folder / "bin" / "from_host"),
            "lab_kubectl": lab.contract["kubectl"],
            "lab_network": SECOND_NETWORK,
            "profiles_network": SECOND_NETWORK,
        }
        self._options = ("-e", json.dumps(variables))

    def play(self, name: str, *arguments: str) -> Done:
        """Run a playbook on it."""
        return self.run(name, *self._options, *arguments)

    def run(self, name: str, *arguments: str) -> Done:
        """Run a command on it."""
        place = ("--profile", self.profile, "--provider", self._provider)
        return runner(*place, name, *arguments, environment=self._environment)


@pytest.fixture(scope="module")
def minikube(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    guest = Guest(lab, MINIKUBE, "minikube", tmp_path_factory.mktemp("minikube"))
    yield guest
    guest.run("teardown")


@pytest.fixture(scope="module")
def kind(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    guest = Guest(lab, KIND, "kind", tmp_path_factory.mktemp("kind"))
    yield guest
    guest.run("teardown")


def test_kind_makes_stops_and_starts_its_nodes(lab: Lab, kind: Guest) -> None:
    made = kind.play("provision")
    assert made.code == 0, made.out
    # kind's control plane takes no pods beside workers; in the lab it does.
    assert lab.kubectl("get", "nodes", "-o", "jsonpath={.items[*].spec.taints}") == ""
    node = lab.contract["nodes"][1]["name"]
    entered = kind.run("shell", node, "--", "hostname")
    assert (entered.code, entered.out.strip()) == (0, node)
    stopped = kind.run("stop")
    assert stopped.code == 0, stopped.out
    refused = kind.run("shell", node, "--", "hostname")
    assert refused.code == 2, refused.out
    started = kind.run("start")
    assert started.code == 0, started.out
    assert kind.run("shell", node, "--", "true").code == 0
    without = kind.run("tunnel")
    assert without.code == 2, without.out
    assert "cloud-provider-kind" in without.out
    done = kind.run("teardown")
    assert done.code == 0, done.out
    assert not (STATE / KIND).exists()


def test_minikube_proves_the_outcomes_of_the_table(minikube: Guest) -> None:
    """It also makes the pods again that ended when the nodes of the lab behind it were stopped."""
    made = minikube.play("full-lab")
    assert made.code == 0, made.out
    verdicts = {each["id"]: each["verdict"] for each in report_in(latest(MINIKUBE))["outcomes"]}
    proven = proven_by_provider()["`minikube`"]
    assert verdicts == {name: "pass" if holds else "skip" for name, holds in proven.items()}


def test_minikube_has_its_commands(lab: Lab, minikube: Guest) -> None:
    again = minikube.play("provision")
    assert again.code == 0, again.out
    assert ", 0 changed." in again.out
    node = lab.contract["nodes"][1]["name"]
    entered = minikube.run("shell", node, "--", "hostname")
    assert (entered.code, entered.out.strip()) == (0, node)
    assert minikube.run("shell", HOST, "--", "true").code == 0
    assert minikube.run("kubectl", "get", "nodes", "-o", "name").code == 0


def test_minikube_leaves_nothing_and_the_lab_behind_it_stays(lab: Lab, minikube: Guest) -> None:
    done = minikube.run("teardown")
    assert done.code == 0, done.out
    assert not (STATE / MINIKUBE).exists()
    assert lab.runner("status").code == 0
