"""The lab's cluster as a stranger's: by a kubeconfig, with the rights of the manifest alone."""

from __future__ import annotations

import base64
import json
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import read
from tests.integration.labs import STATE, Lab, latest, report_in, runner
from tests.integration.policies import enforced
from tests.places import ROOT
from tests.providers_table import proven_by_provider

GUEST = "latihan-guest"
SPACE = "latihan"
RIGHTS = str(ROOT / "examples" / "existing" / "rights.yaml")
DENIES = json.dumps(
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny", "namespace": SPACE},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }
)


def kubeconfig(lab: Lab, folder: Path) -> Path:
    """A kubeconfig of two contexts: nothing but the account of the manifest is in the second."""
    document: dict[str, Any] = yaml.safe_load(Path(lab.contract["kubeconfig"]).read_text("utf-8"))
    cluster = document["clusters"][0]["name"]
    document["users"].append({"name": "guest", "user": {"token": token(lab)}})
    context = {"cluster": cluster, "user": "guest"}
    document["contexts"].append({"name": "guest", "context": context})
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def token(lab: Lab) -> str:
    """A token of the manifest's account, which Kubernetes 1.20 soon puts into a secret."""
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        listed = json.loads(lab.kubectl("-n", SPACE, "get", "secrets", "-o", "json"))["items"]
        for secret in listed:
            if secret["metadata"]["name"].startswith(f"{SPACE}-token-"):
                return base64.b64decode(secret["data"]["token"]).decode()
        time.sleep(0.2)
    return lab.kubectl("-n", SPACE, "create", "token", SPACE, "--duration=1h").strip()


def pods(lab: Lab) -> str:
    return lab.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.uid}")


@pytest.fixture(scope="module")
def place(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """The options that lead to the cluster as the manifest's account."""
    folder = tmp_path_factory.mktemp("guest")
    policy = folder / "policy.json"
    policy.write_text(DENIES, encoding="utf-8")
    lab.kubectl("apply", "-f", RIGHTS, "-f", str(policy))
    try:
        file = kubeconfig(lab, folder)
        more = {"lab_kubectl": lab.contract["kubectl"], "lab_namespace": SPACE}
        where = ("--kubeconfig", str(file), "--context", "guest", "-e", json.dumps(more))
        yield ("--provider", "existing", "--profile", GUEST, *where)
    finally:
        lab.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", RIGHTS)


@pytest.fixture(scope="module")
def guest(lab: Lab, place: tuple[str, ...]) -> Iterator[Lab]:
    """A lab in the cluster, whose place outside is the host of the cluster's own lab.

    All policies are enforced, also the one that denies everything in the namespace.
    """
    host = json.dumps({"lab_enter_host": shlex.join(read(lab.contract_path).enter("host"))})
    with enforced(lab):
        made = runner("full-lab", *place, "--helpers", "privileged", "-e", host)
        yield Lab(GUEST, made, latest(GUEST))
        runner("teardown", "--profile", GUEST)


def test_the_outcomes_that_hold_are_those_of_the_table(guest: Lab) -> None:
    assert guest.made.code == 0, guest.made.out
    verdicts = {each["id"]: each["verdict"] for each in report_in(guest.artifacts)["outcomes"]}
    proven = proven_by_provider()["`existing` with a place outside"]
    assert verdicts == {name: "pass" if holds else "skip" for name, holds in proven.items()}


def test_a_guest_has_no_power_and_no_other_namespace(guest: Lab) -> None:
    refused = guest.runner("stop")
    assert refused.code == 2, refused.out
    assert "The provider 'existing' can't stop and start a cluster." in refused.out
    elsewhere = guest.runner("verify", "-e", "lab_namespace=default")
    assert elsewhere.code == 2, elsewhere.out
    assert "and not in 'default'" in elsewhere.out


def test_a_guest_surveys_the_network_with_the_same_rights(guest: Lab) -> None:
    done = guest.runner("survey", "-e", f"lab_namespace={SPACE}")
    assert done.code == 0, done.out
    verdicts = {each["id"]: each["verdict"] for each in guest.report()["outcomes"]}
    assert verdicts == {f"N{number}": "pass" for number in range(1, 14)}


def test_a_guest_leaves_nothing(lab: Lab, guest: Lab, place: tuple[str, ...]) -> None:
    before = pods(lab)
    done = guest.runner("teardown")
    assert done.code == 0, done.out
    assert not (STATE / GUEST).exists()
    assert lab.kubectl("-n", SPACE, "get", "pods,services", "-o", "name") == ""
    assert "latihan.lab/" not in lab.kubectl("get", "nodes", "--show-labels")
    assert pods(lab) == before
    lab.kubectl("delete", "clusterrolebinding", SPACE)
    without = runner("provision", *place)
    assert without.code == 2, without.out
    lacking = "get nodes, list nodes, watch nodes, patch nodes"
    assert f"The lab lacks rights. In the whole cluster: {lacking}." in without.out
    assert not (STATE / GUEST).exists()
