"""Who asked whom, out of what the probes saw."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import Document
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    AddressOwner,
    Facts,
    LabInfo,
    NodeInfo,
    PortInfo,
    ServiceInfo,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.flows import flows
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Flow, ProbeResult
from tests.unit.plugin_utils.outcomes.answers import answer

OWNERS = {
    "192.0.2.1": "host",
    "192.0.2.2": "node/one",
    "192.0.2.3": "node/two",
    "10.9.1.1": "pod/p1",
    "10.9.1.2": "pod/p2",
    "10.9.0.3": "pod/p3",
    "10.8.0.1": "service/s1",
}
FACTS = Facts(
    nodes={name: NodeInfo(name=name) for name in ("one", "two")},
    services={
        "s1": ServiceInfo(
            name="s1",
            cluster_ip="10.8.0.1",
            external_ips=["203.0.113.1"],
            ports=[PortInfo(port=80, node_port=30080)],
        )
    },
    addresses={address: AddressOwner(owner=owner) for address, owner in OWNERS.items()},
    lab=LabInfo(namespace="default"),
)


def asked(kind: str, start: str, target: str, reason: str = "ok", **fields: Any) -> ProbeResult:
    return answer(reason, kind, **{"from": start}, target=target, **fields)


def path(start: str, target: str, *owners: str | None, reason: str = "ok") -> ProbeResult:
    hops: list[Document] = [
        {"ttl": n, "address": "10.9.9.9", "owner": owner} for n, owner in enumerate(owners, 1)
    ]
    return asked("path", start, target, reason, hops=hops)


def found(*results: ProbeResult, want: str | list[str] = "any") -> list[Flow]:
    entry = OutcomeEntry.model_validate(
        {
            "id": "X1",
            "title": "Some probes",
            "probes": {"x": {"from": "host", "tcp": "a:1", "want": want}},
            "expect": ["probes.x"],
            "expected": "much",
            "observed": "little",
        }
    )
    return flows(entry, {"x": results}, FACTS)


def test_a_path_leads_over_its_hops() -> None:
    way = path("pod/p1/p1-c2", "10.9.0.3", "node/two", None, "node/one", "pod/p3")
    stops = ("pod/p1", "node/two", "node/one", "pod/p3")
    assert found(way) == [Flow(stops=stops, goal="pod/p3", seen=True)]


def test_a_path_that_did_not_arrive_has_stopped() -> None:
    (flow,) = found(path("pod/p1", "10.9.0.3", "node/two", None, reason="timeout"))
    assert (flow.stops, flow.goal, flow.reason) == (("pod/p1", "node/two"), "pod/p3", "stopped")


@pytest.mark.parametrize(
    ("kind", "target", "reason"),
    [
        ("http", "http://10.9.1.1/", "no_route"),
        ("http", "http://10.9.1.1/", "unreachable"),
        ("http", "http://s1/", "unresolved"),
        ("icmp", "s1", "no_such_name"),
        ("tcp", "s1:80", "no_such_name"),
    ],
)
def test_without_a_route_or_an_address_no_packet_leaves(
    kind: str, target: str, reason: str
) -> None:
    (flow,) = found(asked(kind, "host", target, reason))
    assert flow.stops == ("host",)


def test_a_refused_packet_arrives_and_is_refused() -> None:
    (flow,) = found(asked("http", "host", "http://192.0.2.3/", "refused"))
    assert (flow.stops, flow.ok) == (("host", "node/two"), False)


def test_an_answer_of_any_http_status_is_an_answer() -> None:
    (flow,) = found(asked("http", "host", "http://192.0.2.3/", "http_404"))
    assert flow.ok


def test_a_port_of_a_node_leads_to_its_service() -> None:
    (flow,) = found(asked("http", "host", "http://192.0.2.3:30080/"))
    assert (flow.stops, flow.goal) == (("host", "node/two", "service/s1"), "service/s1")


def test_a_port_that_does_not_answer_ends_at_its_node() -> None:
    (flow,) = found(asked("http", "host", "http://192.0.2.3:30080/", "timeout"))
    assert (flow.stops, flow.goal) == (("host", "node/two"), "service/s1")


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("host.minikube.internal", "host"),
        ("two", "node/two"),
        ("s1", "service/s1"),
        ("s1.default.svc.cluster.local", "service/s1"),
        ("10.8.0.1", "service/s1"),
        ("203.0.113.1", "service/s1"),
    ],
)
def test_what_has_a_name_or_an_address_is_known(name: str, goal: str) -> None:
    (flow,) = found(asked("tcp", "pod/p2/p2-c2", f"{name}:80"))
    assert (flow.stops, flow.goal) == (("pod/p2", goal), goal)


def test_the_address_that_answered_says_more_than_the_name() -> None:
    (flow,) = found(asked("http", "pod/p2", "http://page.example/", remote_ip="10.9.0.3"))
    assert flow.goal == "pod/p3"
    assert found(asked("http", "pod/p2", "http://s1.example/")) == []


@pytest.mark.parametrize(
    ("kind", "start", "target"),
    [
        ("dns", "pod/p1", "s1"),
        ("exec", "pod/p1", "cat /etc/hostname"),
        ("kubectl", "", "get pods"),
        ("http", "pod/p1/p1-c2", "http://10.9.1.1/"),
        ("http", "pod/p1/p1-c2", "http://127.0.0.1/"),
        ("http", "host", "http://[broken/"),
    ],
)
def test_what_crosses_no_network_is_no_flow(kind: str, start: str, target: str) -> None:
    assert found(asked(kind, start, target)) == []


@pytest.mark.parametrize("reason", ["not_run", "no_tool", "unavailable"])
def test_a_probe_that_never_ran_sent_nothing(reason: str) -> None:
    assert found(asked("http", "host", "http://192.0.2.3/", reason)) == []


def test_many_alike_are_one_with_their_number() -> None:
    """All twenty, of which the evidence shows twelve."""
    many = [asked("http", "pod/p2", "http://s1/") for _ in range(20)]
    (flow,) = found(*many)
    assert flow.times == 20


def test_what_was_not_expected_comes_first() -> None:
    results = [asked("icmp", "host", f"192.0.2.{n}") for n in (2, 3)]
    results.append(asked("http", "pod/p2", "http://s1/", "refused"))
    assert [flow.reason for flow in found(*results, want="ok")] == ["refused", "ok", "ok"]


def test_of_all_pairs_of_many_there_are_some() -> None:
    results = [asked("tcp", f"pod/{n}", "10.9.1.1:80") for n in range(200)]
    assert len(found(*results)) == 100
