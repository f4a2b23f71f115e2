"""Waits: what they watch, and what they say when the time is over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts, waiting
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import compiled
from ansible_collections.latihan.lab.plugins.plugin_utils.common import patience
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError

Document = dict[str, Any]


class Cluster:
    """Stands in for the API: lists, and then some changes."""

    def __init__(self, items: dict[str, list[Document]], events: list[Document]) -> None:
        self.items = items
        self.events = events
        self.watched: list[str] = []
        self.over = threading.Event()
        self.running: Iterator[list[Document]] = iter(())

    def get(self, path: str) -> Document:
        if path.endswith("/runningpods/"):
            return {"items": next(self.running, [])}
        kind = path.rpartition("/")[2]
        return {"metadata": {"resourceVersion": "7"}, "items": self.items[kind]}

    def watch(self, path: str, version: str, seconds: float) -> Iterator[Document]:
        self.watched.append(path)
        assert version == "7"
        if path.endswith("/pods"):
            yield from self.events
        self.over.wait(min(seconds, 5))


def ready(pod: Document, value: str) -> Document:
    conditions = [{"type": "Ready", "status": value}]
    return {**pod, "status": {**pod["status"], "conditions": conditions}}


def goal(source: str, timeout: float = 0.3) -> waiting.Goal:
    return waiting.Goal([compiled(source)], timeout=timeout)


@pytest.fixture
def pod(items: dict[str, list[Document]]) -> Document:
    return next(item for item in items["pods"] if item["metadata"]["name"] == "p1")


def test_what_is_true_already(contract: Contract, items: dict[str, list[Document]]) -> None:
    waited = waiting.wait(Cluster(items, []), contract, "default", goal("pods.p1.ready"))  # type: ignore[arg-type]
    assert waited.unmet == ""
    assert waited.facts.pods["p1"].ready


def test_what_becomes_true(
    contract: Contract, items: dict[str, list[Document]], pod: Document
) -> None:
    first = {**items, "pods": [ready(pod, "False")]}
    cluster = Cluster(first, [{"type": "MODIFIED", "object": ready(pod, "True")}])
    waited = waiting.wait(cluster, contract, "default", goal("pods.p1.ready", 5))  # type: ignore[arg-type]
    assert waited.unmet == ""
    assert waited.seconds < 4
    assert cluster.watched == ["/api/v1/pods"]


def test_an_earlier_pod_of_the_name_has_to_end(
    contract: Contract, items: dict[str, list[Document]], pod: Document
) -> None:
    earlier = {"metadata": {**pod["metadata"], "uid": "gone"}}
    cluster = Cluster(items, [])
    cluster.running = iter([[pod, earlier], [earlier, pod]])
    waited = waiting.wait(cluster, contract, "default", goal("pods.p1.ready", 5))  # type: ignore[arg-type]
    assert waited.unmet == ""
    assert 0.5 < waited.seconds < 4
    assert next(cluster.running, None) is None


def test_an_earlier_pod_that_does_not_end_is_told(
    contract: Contract, items: dict[str, list[Document]], pod: Document
) -> None:
    cluster = Cluster(items, [])
    cluster.running = iter([[{"metadata": {**pod["metadata"], "uid": "gone"}}]] * 9)
    waited = waiting.wait(cluster, contract, "default", goal("pods.p1.ready"))  # type: ignore[arg-type]
    assert waited.unmet.startswith("an earlier pod p1 still runs on ")


def test_what_is_deleted(
    contract: Contract, items: dict[str, list[Document]], pod: Document
) -> None:
    cluster = Cluster({**items, "pods": [pod]}, [{"type": "DELETED", "object": pod}])
    waited = waiting.wait(cluster, contract, "default", goal("absent(pods, 'p1')", 5))  # type: ignore[arg-type]
    assert waited.unmet == ""


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("pods.stuck.ready", "pod stuck: Pending, Unschedulable: 0/2 nodes are available"),
        ("pods.twins.ready", "pod twins: Running, container"),
        ("pods.p9.ready", "pods p9: not found"),
        ("length(services.s1.external_ips) == `1`", "service s1: LoadBalancer, external"),
        ("nodes.uji.ready == `false`", "node uji: Ready"),
        ("endpoints.s1.ready == [pods.p1.ip]", "endpoints s1: ready 10."),
    ],
)
def test_what_stays_untrue_is_told_with_the_last_seen_state(
    contract: Contract, items: dict[str, list[Document]], source: str, told: str
) -> None:
    waited = waiting.wait(Cluster(items, []), contract, "default", goal(source))  # type: ignore[arg-type]
    assert waited.unmet.startswith(f"{source}: ")
    assert told in waited.unmet.partition("last seen: ")[2]


def test_a_cluster_that_does_not_answer(contract: Contract) -> None:
    class Dead(Cluster):
        def get(self, path: str) -> Document:
            raise LabError("The cluster's API at https://127.0.0.1:1 does not answer")

    with pytest.raises(LabError, match=r"in vain: The cluster's API at https://127\.0\.0\.1:1"):
        waiting.wait(Dead({}, []), contract, "default", goal("pods.p1.ready"))  # type: ignore[arg-type]


def waiting_for_image(pod: Document, reason: str, message: str) -> Document:
    state = {"waiting": {"reason": reason, "message": message}}
    containers = [{"name": "p1-c1", "image": "nope", "ready": False, "state": state}]
    status = {**ready(pod, "False")["status"], "containerStatuses": containers}
    return {**pod, "status": status}


def test_an_image_that_cannot_be_pulled_is_told_at_once_with_the_registrys_words(
    contract: Contract,
    items: dict[str, list[Document]],
    pod: Document,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "_factor", [0.01])
    failed = waiting_for_image(pod, "ErrImagePull", "nope: not found")
    cluster = Cluster({**items, "pods": [failed]}, [])
    meant = waiting.Goal([compiled("pods.p1.ready")], timeout=10)
    with pytest.raises(LabError, match=r"image nope of the pod p1 .*pulled: nope: not found\. Get"):
        waiting.wait(cluster, contract, "default", meant)  # type: ignore[arg-type]


def test_an_image_may_come_with_the_next_attempt(
    contract: Contract, items: dict[str, list[Document]], pod: Document
) -> None:
    failed = waiting_for_image(pod, "ErrImagePull", "i/o timeout")
    events = [{"type": "MODIFIED", "object": ready(pod, "True")}]
    cluster = Cluster({**items, "pods": [failed]}, events)
    waited = waiting.wait(cluster, contract, "default", goal("pods.p1.ready", 5))  # type: ignore[arg-type]
    assert waited.unmet == ""


def test_only_what_is_spoken_of_is_watched() -> None:
    assert waiting.needed([compiled("pods.p1.ready")]) == {"pods"}
    assert waiting.needed([compiled("endpoints.s1.ready == [pods.p1.ip]")]) == {
        "endpoints",
        "pods",
    }
    assert waiting.needed([compiled("length(addresses) > `3`")]) == set(facts.paths("default"))
