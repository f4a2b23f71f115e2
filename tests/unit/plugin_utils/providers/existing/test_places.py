"""How a stranger's nodes are entered, and what is said where they can't be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import RefusedError
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Missing,
    Reachable,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import entering
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing import places
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.settings import (
    ExistingSettings,
)

KUBECTL = ("kubectl", "-n", "mine")
FORBIDDEN = RefusedError("violates PodSecurity: host namespaces", 403, "Forbidden")
NO_IMAGE = {"waiting": {"reason": "ErrImagePull", "message": "registry: no such host"}}


def asked(helpers: str = "none", **more: Any) -> ExistingSettings:
    return ExistingSettings("mine", "l=p3", helpers=helpers, tools="tools", **more)


class Cluster:
    """An API with pods; those that are made run at once, unless their node says otherwise."""

    def __init__(self, states: Mapping[str, Any] | None = None) -> None:
        self.states = states or {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.made: list[str] = []

    def get(self, path: str, query: object = ()) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        if name == "pods":
            return {"items": list(self.pods.values())}
        if name not in self.pods:
            raise RefusedError("gone", 404, "NotFound")
        return self.pods[name]

    def post(self, path: str, body: dict[str, Any]) -> None:
        name, node = body["metadata"]["name"], body["spec"]["nodeName"]
        state = self.states.get(node, {"running": {}})
        if isinstance(state, Exception):
            raise state
        status = {"state": state, "ready": "running" in state}
        self.pods[name] = {**body, "status": {"phase": "Running", "containerStatuses": [status]}}
        self.made.append(name)

    def delete(self, path: str, query: object = ()) -> None:
        del self.pods[path.rpartition("/")[2]]


def entered(cluster: Cluster, settings: ExistingSettings, *nodes: str) -> Mapping[str, Any]:
    return places.of_nodes(cluster, settings, nodes, KUBECTL)  # type: ignore[arg-type]


def test_helper_pods_have_no_more_than_they_need() -> None:
    plain, whole = (places.helper("a", kind, "i")["spec"] for kind in ("network", "privileged"))
    assert plain["hostNetwork"]
    assert not plain["hostPID"]
    assert plain["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
    }
    assert whole["hostPID"]
    assert whole["containers"][0]["securityContext"] == {"privileged": True}
    assert not plain["automountServiceAccountToken"]


def test_nodes_are_entered_by_their_helper_pods() -> None:
    cluster = Cluster()
    way = (*KUBECTL, "exec", "helper-a", "--")
    assert entered(cluster, asked("network"), "a") == {"a": Reachable(way, whole=False)}
    assert entered(cluster, asked("network"), "a", "b")["a"].enter == way
    assert cluster.made == ["helper-a", "helper-b"]
    whole = entered(cluster, asked("privileged"), "a")
    assert whole == {"a": Reachable((*way, "chroot", "/proc/1/root"))}
    assert set(cluster.pods) == {"helper-a"}
    assert entered(cluster, asked("none"), "a")["a"] == places.UNSAID
    assert cluster.pods == {}


def test_a_node_without_its_helper_pod_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_SECONDS", 0.1)
    monkeypatch.setattr(places, "_POLL", 0.01)
    states = {"b": FORBIDDEN, "c": NO_IMAGE, "d": {"waiting": {"reason": "ContainerCreating"}}}
    found = entered(Cluster(states), asked("network"), *"abcd")
    assert isinstance(found["a"], Reachable)
    assert found["b"].reason.endswith("takes no helper pod: violates PodSecurity: host namespaces")
    assert found["c"].reason == "Its helper pod has no image: registry: no such host"
    assert found["d"].reason == "Its helper pod is not ready after 0.1 s."


def test_a_command_of_the_users_enters_places(tmp_path: Path) -> None:
    assert entering.by_command("env A='b c' {node}=1", "a") == Reachable(("env", "A=b c", "a=1"))
    assert entering.by_command("sh -c 'echo no such node >&2; exit 3'") == Missing(
        "`sh -c 'echo no such node >&2; exit 3' true` failed: no such node."
    )
    assert "not installed" in entering.by_command("no-such-program").reason  # type: ignore[union-attr]
    cluster = Cluster()
    found = entered(cluster, asked("network", enter_node="env N={node}"), "a", "b")
    assert found["b"] == Reachable(("env", "N=b"))
    assert cluster.made == []


def test_the_address_of_the_place_outside() -> None:
    assert entering.link(Reachable(()), "127.0.0.1") == entering.HostLink("127.0.0.1", direct=True)
    assert entering.link(Reachable(("false",)), "127.0.0.1") == entering.HostLink()
    assert entering.link(entering.NO_HOST, "127.0.0.1") == entering.HostLink()
