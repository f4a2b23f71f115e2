"""Manifests as a lab needs them: other images, its own label, its own nodes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import adapting, kubectl
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.adapting import Adaptation
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Node,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

NOWHERE = Missing("Nobody enters it.")
CONTRACT = Contract(
    "uji", "a", "k", "k", "", NOWHERE, tuple(Node(name, "", NOWHERE) for name in ("a", "b", "c"))
)


def pod(**more: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": "nginx"}], **more.pop("spec", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", **more}, "spec": spec}


def adapted(item: dict[str, Any], workers: tuple[str, ...] = ("a", "b")) -> dict[str, Any]:
    to = Adaptation(
        {"nginx": "registry.example/nginx:1"},
        "latihan.lab/uji=p3",
        Contract(**{**vars(CONTRACT), "workers": workers}).worker,
    )
    [found] = adapting.adapted([item], to)
    return found


def test_images_and_the_label_are_the_labs_own() -> None:
    written = pod(spec={"nodeSelector": {"name": "latihan", "kubernetes.io/os": "linux"}})
    found = adapted(written)["spec"]
    assert found["containers"][0]["image"] == "registry.example/nginx:1"
    assert found["nodeSelector"] == {"kubernetes.io/os": "linux", "latihan.lab/uji": "p3"}
    assert written["spec"]["containers"][0]["image"] == "nginx"


def test_pods_that_others_make_are_adapted_too() -> None:
    deployment = {"kind": "Deployment", "spec": {"template": pod()}}
    job = {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": pod()}}}}
    listed = adapted({"kind": "List", "items": [deployment, job, {"kind": "Service", "spec": {}}]})
    assert str(listed).count("registry.example/nginx:1") == 2


@pytest.mark.parametrize(
    ("workers", "number", "node"),
    [(("a", "b"), "1", "a"), (("a", "b"), "2", "b"), (("a",), "2", "a"), ((), "3", "c")],
)
def test_a_pod_asks_for_a_node(workers: tuple[str, ...], number: str, node: str) -> None:
    asking = pod(annotations={adapting.NODE: number})
    affinity = adapted(asking, workers)["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    named = {"key": "metadata.name", "operator": "In", "values": [node]}
    assert term == {"matchFields": [named]}


def test_a_pod_that_asks_for_no_number() -> None:
    with pytest.raises(LabError, match="asks for the node 'last'") as told:
        adapted(pod(annotations={adapting.NODE: "last"}))
    assert told.value.kind is Kind.INPUT


def test_what_needs_no_change_stays_as_it_is() -> None:
    plain = pod(spec={"containers": [{"name": "c", "image": "other"}]})
    assert adapted(plain) == plain


def test_the_words_of_kubectl() -> None:
    images = {"nginx": "registry.example/nginx:1"}
    given = ["run", "p1", "--image=nginx", "--port=80"]
    assert adapting.arguments(given, images)[2] == "--image=registry.example/nginx:1"
    assert adapting.arguments(given, {}) == given
    assert kubectl.without_manifests(["apply", "-f", "a.yaml", "--filename=b", "--wait"]) == [
        *("apply", "--wait", "-f", "-")
    ]
    assert adapting.makes_objects(["-n", "x", "apply", "-f", "a"])
    assert not adapting.makes_objects(["delete", "-f", "a"])


def test_a_lab_works_in_its_own_namespace_alone() -> None:
    own = Contract(**{**vars(CONTRACT), "namespace": "mine"})
    own.require_namespace("mine")
    CONTRACT.require_namespace("any")
    with pytest.raises(LabError, match="works in the namespace 'mine', and not in 'kube-system'"):
        own.require_namespace("kube-system")
