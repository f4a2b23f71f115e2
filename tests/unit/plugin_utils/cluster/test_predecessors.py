"""Pods that are gone from the API and still run on their node."""

from __future__ import annotations

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import predecessors
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import PodInfo
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError


def runs(name: str, uid: str, namespace: str = "default") -> ApiObject:
    return {"metadata": {"name": name, "namespace": namespace, "uid": uid}}


def pod(name: str, uid: str, node: str | None = "uji") -> PodInfo:
    return PodInfo(name=name, runtime_uid=uid, node=node)


class Kubelets:
    """Stands in for the API, which asks a node's kubelet what it runs."""

    def __init__(self, running: dict[str, list[ApiObject]]) -> None:
        self.running = running

    def get(self, path: str) -> ApiObject:
        node = path.removeprefix("/api/v1/nodes/").removesuffix("/proxy/runningpods/")
        if node not in self.running:
            raise LabError("forbidden")
        return {"items": self.running[node] or None}


def told(running: dict[str, list[ApiObject]], *pods: PodInfo) -> list[str]:
    return predecessors.still_running(Kubelets(running), pods)  # type: ignore[arg-type]


def test_an_earlier_pod_of_the_same_name_is_told() -> None:
    both = {"uji": [runs("p1", "old"), runs("p1", "new"), runs("p2", "2")]}
    assert told(both, pod("p1", "new"), pod("p2", "2")) == ["an earlier pod p1 still runs on uji"]


def test_an_earlier_pod_alone_is_told_too() -> None:
    assert told({"uji": [runs("p1", "old")]}, pod("p1", "new"))


def test_other_pods_do_not_matter() -> None:
    others = {"uji": [runs("p1", "other", "own"), runs("p9", "9"), runs("p1", "new")], "m2": []}
    assert told(others, pod("p1", "new"), pod("p2", "2", "m2"), pod("p3", "3", None)) == []


def test_a_node_that_does_not_tell() -> None:
    assert told({}, pod("p1", "new")) == []
