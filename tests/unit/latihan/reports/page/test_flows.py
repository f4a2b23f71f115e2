"""Who asked whom, as drawn."""

from __future__ import annotations

from typing import Any

import pytest

from latihan.reports.page.flows import Flow, flows_of, told
from tests.unit.latihan.reports.page.sample import asked, facts, outcome, path


def flows(*evidence: dict[str, Any], **fields: Any) -> list[Flow]:
    return flows_of(outcome("X1", evidence=list(evidence), **fields), facts())


def test_a_traced_path_is_drawn_alone() -> None:
    way = path("pod/p1/p1-c2", "10.9.0.3", "node/two", "node/one", "pod/p3")
    found = flows(asked("http", "host", "http://192.0.2.2/"), paths=[way])
    assert found == [Flow(("pod/p1", "node/two", "node/one", "pod/p3"), "pod/p3", seen=True)]
    assert told(found[0]) == "p1 to p3 by way of two and one: answered"


def test_a_path_that_ended_early_comes_before_one_that_did_not() -> None:
    good = path("pod/p1", "10.9.1.2", "node/two", "pod/p2")
    bad = path("pod/p1", "10.9.0.3", "node/two", None, arrived=False)
    assert flows(paths=[good, bad]) == [
        Flow(("pod/p1", "node/two"), "pod/p3", "stopped", seen=True)
    ]


@pytest.mark.parametrize(
    ("target", "reason", "words"),
    [
        ("http://10.9.1.1/", "no_route", "host to p1 (HTTP): no route"),
        ("http://s1/", "unresolved", "host to s1 (HTTP): unresolved"),
    ],
)
def test_without_a_route_or_an_address_no_packet_leaves(
    target: str, reason: str, words: str
) -> None:
    (flow,) = flows(asked("http", "host", target, reason))
    assert flow.stops == ("host",)
    assert told(flow) == words


def test_a_refused_packet_arrives_and_is_refused() -> None:
    (flow,) = flows(asked("http", "host", "http://192.0.2.3/", "refused"))
    assert (flow.stops, flow.ok) == (("host", "node/two"), False)


def test_an_answer_of_any_http_status_is_an_answer() -> None:
    (flow,) = flows(asked("http", "host", "http://192.0.2.3/", "http_404"))
    assert flow.ok


def test_a_port_of_a_node_leads_to_its_service() -> None:
    (flow,) = flows(asked("http", "host", "http://192.0.2.3:30080/"))
    assert flow.stops == ("host", "node/two", "service/s1")
    assert told(flow) == "host to s1 by way of two (HTTP): answered"


def test_the_host_is_known_by_its_name() -> None:
    (flow,) = flows(asked("icmp", "node/one", "host.minikube.internal"))
    assert flow.stops == ("node/one", "host")


def test_a_port_that_does_not_answer_ends_at_its_node() -> None:
    (flow,) = flows(asked("http", "host", "http://192.0.2.3:30080/", "timeout"))
    assert flow.stops == ("host", "node/two")
    assert told(flow) == "host to s1 by way of two (HTTP): timed out"


@pytest.mark.parametrize("name", ["s1", "s1.default.svc.cluster.local", "10.8.0.1"])
def test_services_are_known_by_name_and_address(name: str) -> None:
    (flow,) = flows(asked("http", "pod/p2/p2-c2", f"http://{name}/"))
    assert flow.stops == ("pod/p2", "service/s1")


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
def test_what_crosses_no_network_is_not_drawn(kind: str, start: str, target: str) -> None:
    assert flows(asked(kind, start, target)) == []


def test_many_alike_are_one_and_a_picture_holds_four() -> None:
    same = [asked("http", "pod/p2", "http://s1/") for _ in range(20)]
    other = [asked("icmp", "host", f"192.0.2.{n}") for n in (2, 3)]
    more = [asked("tcp", "pod/p2", target) for target in ("10.9.1.1:80", "10.9.0.3:80")]
    assert len(flows(*same)) == 1
    assert len(flows(*same, *other, *more)) == 4


@pytest.mark.parametrize("reason", ["not_run", "unavailable"])
def test_a_probe_that_never_ran_sent_nothing(reason: str) -> None:
    assert flows(asked("http", "host", "http://192.0.2.3/", reason)) == []


def test_evidence_of_older_reports_draws_nothing() -> None:
    assert flows({"command": "kubectl get nodes", "output": ""}) == []
