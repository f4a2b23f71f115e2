"""The cluster's DNS records and answers, against the specification."""

from __future__ import annotations

from typing import Any, cast

import pytest
from dnslib import QTYPE, RCODE, RR, DNSRecord

from ansible_collections.latihan.lab.plugins.plugin_utils.in_cluster import (
    cluster_dns,
)


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


SERVICES = [
    service(
        "s1",
        clusterIP="10.96.7.8",
        ports=[{"name": "http", "port": 80, "protocol": "TCP"}, {"port": 9, "protocol": "UDP"}],
    ),
    service("dual", clusterIP="10.96.7.9", clusterIPs=["10.96.7.9", "fd00:a60::9"], ports=[]),
    service("headless", clusterIP="None"),
    service("empty", clusterIP="None"),
    service("away", type="ExternalName", externalName="www.example.org"),
    service("alias", type="ExternalName", externalName="s1.default.svc.cluster.local"),
]


def endpoints(service: str, *members: dict[str, Any], **port: Any) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": service}
    metadata = {"name": f"{service}-x{len(port)}", "namespace": "default", "labels": labels}
    return {"metadata": metadata, "endpoints": list(members), "ports": [port]}


WAITING = {"addresses": ["10.244.1.10"], "conditions": {"ready": False}}
SLICES = [
    endpoints(
        "headless",
        {"addresses": ["10.244.0.7"], "hostname": "web-0", "conditions": {"ready": True}},
        {"addresses": ["10.244.1.9"], "conditions": {}},
        WAITING,
        name="http",
        port=8080,
        protocol="TCP",
    ),
    endpoints("headless", {"addresses": ["10.244.1.9"]}, name="side", port=9090),
    endpoints("headless", {"addresses": ["fd00:af4:100::9"], "conditions": {"ready": True}}),
    endpoints("empty", WAITING),
]
NAMESPACES = [{"metadata": {"name": name}} for name in ("default", "bare")]
ZONE = cluster_dns.zone(SERVICES, SLICES, NAMESPACES)


def ask(name: str, kind: str = "A") -> tuple[str, list[str]]:
    reply = cluster_dns.answer(DNSRecord.question(name, kind), ZONE)
    return RCODE[reply.header.rcode], [f"{QTYPE[rr.rtype]} {rr.rdata}" for rr in reply.rr]


@pytest.mark.parametrize(
    ("name", "kind", "answers"),
    [
        ("s1.default.svc.cluster.local", "A", ["A 10.96.7.8"]),
        ("S1.Default.svc.cluster.local", "A", ["A 10.96.7.8"]),
        ("s1.default.svc.cluster.local", "AAAA", []),
        ("8.7.96.10.in-addr.arpa", "PTR", ["PTR s1.default.svc.cluster.local."]),
        (
            "_http._tcp.s1.default.svc.cluster.local",
            "SRV",
            ["SRV 0 100 80 s1.default.svc.cluster.local."],
        ),
        ("dual.default.svc.cluster.local", "AAAA", ["AAAA fd00:a60::9"]),
        ("dual.default.svc.cluster.local", "A", ["A 10.96.7.9"]),
        ("headless.default.svc.cluster.local", "AAAA", ["AAAA fd00:af4:100::9"]),
        (
            "fd00-af4-100--9.headless.default.svc.cluster.local",
            "AAAA",
            ["AAAA fd00:af4:100::9"],
        ),
        # What stands in two slices is answered once.
        ("headless.default.svc.cluster.local", "A", ["A 10.244.0.7", "A 10.244.1.9"]),
        ("web-0.headless.default.svc.cluster.local", "A", ["A 10.244.0.7"]),
        ("10-244-1-9.headless.default.svc.cluster.local", "A", ["A 10.244.1.9"]),
        ("7.0.244.10.in-addr.arpa", "PTR", ["PTR web-0.headless.default.svc.cluster.local."]),
        (
            "_http._tcp.headless.default.svc.cluster.local",
            "SRV",
            [
                "SRV 0 100 8080 web-0.headless.default.svc.cluster.local.",
                "SRV 0 100 8080 10-244-1-9.headless.default.svc.cluster.local.",
            ],
        ),
        ("away.default.svc.cluster.local", "A", ["CNAME www.example.org."]),
        (
            "alias.default.svc.cluster.local",
            "A",
            ["CNAME s1.default.svc.cluster.local.", "A 10.96.7.8"],
        ),
        ("dns-version.cluster.local", "TXT", ['TXT "1.1.0"']),
        ("10-244-1-5.default.pod.cluster.local", "A", ["A 10.244.1.5"]),
        ("10-244-1-5.bare.pod.cluster.local", "AAAA", []),
        ("default.svc.cluster.local", "A", []),
        ("bare.svc.cluster.local", "A", []),
        ("bare.pod.cluster.local", "A", []),
        ("cluster.local", "A", []),
    ],
)
def test_names_that_are_there(name: str, kind: str, answers: list[str]) -> None:
    assert ask(name, kind) == ("NOERROR", answers)


@pytest.mark.parametrize(
    "name",
    [
        "nosuch.default.svc.cluster.local",
        "s1.other.svc.cluster.local",
        "other.svc.cluster.local",
        # No endpoint of it is ready.
        "empty.default.svc.cluster.local",
        "10-244-1-5.other.pod.cluster.local",
        "10-244-1-256.default.pod.cluster.local",
        "10-244-1.default.pod.cluster.local",
        "p1.default.pod.cluster.local",
    ],
)
def test_names_that_arent_there(name: str) -> None:
    assert ask(name) == ("NXDOMAIN", [])


def test_an_answer_without_records_says_how_long_it_holds() -> None:
    question = DNSRecord.question("nosuch.default.svc.cluster.local")
    reply = cluster_dns.answer(question, ZONE)
    assert [QTYPE[rr.rtype] for rr in reply.auth] == ["SOA"]


def test_events_change_the_records() -> None:
    cluster = cluster_dns.Cluster("/slices")
    assert not cluster.ready
    cluster.replace("services", [])
    cluster.replace("slices", [])
    assert not cluster.ready
    cluster.replace("namespaces", NAMESPACES)
    assert cluster.ready
    cluster.apply("namespaces", {"type": "DELETED", "object": NAMESPACES[1]})
    assert cluster.zone.at("bare.pod.cluster.local.") is None
    cluster.apply("services", {"type": "ADDED", "object": SERVICES[0]})
    assert "s1.default.svc.cluster.local." in cluster.zone.records
    cluster.apply("services", {"type": "DELETED", "object": SERVICES[0]})
    assert "s1.default.svc.cluster.local." not in cluster.zone.records


def test_upstream_is_the_first_name_server() -> None:
    assert cluster_dns.upstream_server(
        "search x\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n"
    ) == ("192.0.2.1")
    assert cluster_dns.upstream_server("# nothing\n") is None


@pytest.mark.parametrize(("kind", "types"), [("A", ["CNAME", "A"]), ("CNAME", ["CNAME"])])
def test_an_alias_of_a_name_elsewhere_comes_with_what_that_name_has(
    kind: str, types: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(question: DNSRecord, *_server: object, **_options: object) -> bytes:
        reply = question.reply()
        reply.add_answer(*RR.fromZone(f"{question.q.qname} A 192.0.2.53"))
        return cast("bytes", reply.pack())

    monkeypatch.setattr(DNSRecord, "send", send)
    cluster = cluster_dns.Cluster("/slices")
    cluster.zone = ZONE
    resolver = cluster_dns.Resolver(cluster, "192.0.2.1")
    reply = resolver.resolve(DNSRecord.question("away.default.svc.cluster.local", kind), None)
    assert [QTYPE[rr.rtype] for rr in reply.rr] == types
    assert str(reply.rr[-1].rname if kind == "A" else reply.rr[-1].rdata) == "www.example.org."
