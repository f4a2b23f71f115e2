"""The provider for kind: what it reads in kind's answers, and what it refuses.

The kind here is a script that prints what a test says; the one in tests/standins has a cluster.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Wanted
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.kind import answers
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.kind.provider import PROVIDER
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.local import LocalSettings

NETWORKS = ("192.168.49.0/24", "10.244.0.0/16", "10.96.0.0/12")
FAILS = 'echo "Creating cluster" >&2; echo "ERROR: failed to create cluster: {}" >&2; exit 1'


def kind(folder: Path, **said: str) -> None:
    """A kind that runs a line of shell by its first argument."""
    known = {"version": "echo 0.33.0", "get": "echo other", **said}
    cases = "".join(f"{word}) {line};;\n" for word, line in known.items())
    path = folder / "kind"
    path.write_text(
        f'#!/bin/sh\necho "$KIND_EXPERIMENTAL_PROVIDER $@" >> {folder}/asked\n'
        f'case "$1" in\n{cases}esac\n'
    )
    path.chmod(0o755)


def refusal(folder: Path, **more: object) -> LabError:
    options = {"driver": "true", "cni": "kindnet", "kubectl": "true", **more}
    options["program"] = str(folder / "kind")
    wanted = Wanted(2, *NETWORKS, options=options)
    with pytest.raises(LabError) as told:
        PROVIDER.make(Profile("uji", folder / "state"), wanted, check=False)
    assert "\n" not in told.value.message
    return told.value


def test_what_kind_answers() -> None:
    assert answers.version("kind v0.33.0-alpha+1a2b go1.25.0 linux/amd64\n") == (0, 33, 0)
    assert answers.version("0.20.0\n") == (0, 20, 0)
    assert answers.listed("a-control-plane\na-worker\na-external-load-balancer\n") == [
        "a-control-plane",
        "a-worker",
    ]
    assert answers.listed("") == []
    coloured = "Creating\n\x1b[31mERROR\x1b[0m: failed\nCommand Output: x\n"
    assert answers.reason(coloured) == "failed"
    assert answers.reason("") == "it doesn't say why"
    with pytest.raises(LabError, match="The answer of `kind version` can't be read: no kind here"):
        answers.version("no kind here")


def test_the_configuration_has_the_nodes_and_networks() -> None:
    settings = LocalSettings(3, *NETWORKS, driver="docker", cni="/a/network.yaml")
    config = yaml.safe_load(answers.config(settings))
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    assert config["networking"] == {
        "podSubnet": NETWORKS[1],
        "serviceSubnet": NETWORKS[2],
        "disableDefaultCNI": True,
    }


def test_other_taints_stay() -> None:
    control = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    other = {"key": "theirs", "effect": "NoSchedule"}
    assert answers.without_control_plane([control, other]) == [other]


def test_what_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    assert refusal(tmp_path).message == f"There is no program '{tmp_path}/kind'."
    kind(tmp_path, version="echo 0.10.0")
    assert refusal(tmp_path).message == "kind 0.10.0 is too old for the lab."
    kind(tmp_path)
    assert refusal(tmp_path, driver="no-such-engine").message == (
        "There is no program 'no-such-engine'."
    )
    assert refusal(tmp_path, cni="calico").message == (
        "cluster_cni is 'calico', which kind doesn't bring."
    )
    kind(tmp_path, get="echo uji")
    error = refusal(tmp_path)
    assert error.message.startswith("There is a kind cluster 'uji' that this lab didn't make")
    assert error.kind is Kind.INPUT
    assert "create" not in (tmp_path / "asked").read_text()
    assert not (tmp_path / "state").exists()


def test_a_failure_gives_kinds_own_reason_and_leaves_nothing(tmp_path: Path) -> None:
    why = "could not find a log line that matches"
    kind(tmp_path, create=FAILS.format(why))
    error = refusal(tmp_path)
    assert error.message == f"kind can't make the cluster 'uji': failed to create cluster: {why}."
    assert error.detail.startswith("Creating cluster")
    assert not (tmp_path / "state" / "uji").exists()
    asked = (tmp_path / "asked").read_text()
    created = next(line for line in asked.splitlines() if " create " in line)
    assert created.startswith("true create cluster --config=- ")
    assert f"--kubeconfig={shlex.quote(str(tmp_path / 'state/uji/kubeconfig'))}" in created


def test_another_network_is_installed_by_its_manifest(tmp_path: Path) -> None:
    """The kubectl here notes what it is asked; then there is no kubeconfig, so no lab."""
    kind(tmp_path, create="true")
    manifest, kubectl = tmp_path / "network.yaml", tmp_path / "kubectl"
    manifest.touch()
    kubectl.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/applied\n')
    kubectl.chmod(0o755)
    error = refusal(tmp_path, cni=str(manifest), kubectl=str(kubectl))
    assert "kubeconfig" in error.message
    assert (tmp_path / "applied").read_text().endswith(f"kubeconfig apply -f {manifest}\n")
    assert "--wait" not in (tmp_path / "asked").read_text()
