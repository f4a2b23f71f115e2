"""A sound lab has no departure; each fault is the first one of the packets that meet it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import (
    asking,
    beyond,
    services,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    FROZEN,
    Behind,
    Listener,
    Neighbour,
    Network,
    PolicyRule,
    Route,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import PAGE
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import PASSES
from tests.unit.plugin_utils.outcomes.path import sample
from tests.unit.plugin_utils.outcomes.path.sample import (
    DNS,
    FIRST,
    P1,
    P2,
    P3,
    SECOND,
    Change,
    with_rules,
    without_rules,
)

SOUND = [
    ("pod/p2", "http://s1/", {PASSES}),
    ("pod/p1", "http://s1/", {PASSES}),
    ("pod/p3", "http://s1.default.svc.cluster.local/", {PASSES}),
    ("pod/p1", "pod/p3", {PASSES}),
    ("pod/p1", "pod/p2", {PASSES}),
    ("node/latihan", "pod/p3", {PASSES}),
    ("node/latihan-m02", "http://10.111.139.255/", {PASSES}),
    ("host", "http://192.168.49.2:31222/", {PASSES}),
    ("host", "http://192.168.49.3:31222/", {PASSES}),
    ("host", "node/latihan", {PASSES}),
    ("node/latihan", "host", {PASSES}),
    ("host", "pod/p1", {"no route"}),
    ("host", "http://10.111.139.255/", {"no route"}),
    ("host", "http://192.168.49.2/", {"refused"}),
    ("pod/p2", "http://nobody/", {"no such name"}),
]


@pytest.mark.parametrize(("start", "target", "ends"), SOUND)
def test_sound_lab_does_what_it_should(start: str, target: str, ends: set[str]) -> None:
    walk = sample.walk(sample.world(), start, target)
    assert walk.departures == ()
    assert {way.end for way in walk.ways} == ends


def test_sound_lab_is_as_it_was_made() -> None:
    assert beyond.departures(sample.world()) == ()


def test_service_leads_to_each_of_its_pods_and_the_shares_add_up() -> None:
    walk = sample.walk(sample.world(), "pod/p2", "http://s1/")
    assert sorted(way.share for way in walk.ways) == [0.5, 0.5]
    assert {step.place for way in walk.ways for step in way.steps} >= {"pod/p1", "pod/p3"}


def routes(*gone: str, more: tuple[Route, ...] = ()) -> Change:
    """Take routes to these blocks away, and put others in."""
    return lambda network: replace(
        network, routes=(*more, *(each for each in network.routes if each.to not in gone))
    )


def settings(**values: str) -> Change:
    return lambda network: replace(
        network,
        settings={**network.settings, **{f"ipv4/{key}": each for key, each in values.items()}},
    )


def link(name: str, **values: Any) -> Change:
    return lambda network: replace(
        network, links={**network.links, name: replace(network.links[name], **values)}
    )


def stopped(port: int, protocol: str, name: str, state: str = "T") -> Change:
    listener = Listener(protocol, "0.0.0.0", port, ((77, name, state),))
    return lambda network: replace(network, listeners=(listener,))


def neighbour(address: str, device: str, mac: str) -> Change:
    return lambda network: replace(
        network, neighbours={(address, device): Neighbour(address, device, mac, "PERMANENT")}
    )


def programs(*left: tuple[int, str, str]) -> Change:
    return lambda network: replace(network, programs=left)


def both(*changes: Change) -> Change:
    def change(network: Network) -> Network:
        for each in changes:
            network = each(network)
        return network

    return change


FAULTS: list[tuple[str, str, Change, str, str, str]] = [
    # where, what is changed, from, to: the id of the first departure, and a part of it
    ("a rule drops", FIRST, with_rules(("filter", "FORWARD -p tcp -m tcp --dport 80 -j DROP")),
     "pod/p2", "http://s1/", "policy-drops"),
    ("in mangle", SECOND, with_rules(("mangle", "FORWARD -d 10.244.1.2/32 -j DROP")),
     "pod/p1", "pod/p3", "policy-drops"),
    ("in raw", SECOND, with_rules(("raw", "PREROUTING -d 10.244.1.2/32 -j DROP")),
     "pod/p1", "pod/p3", "policy-drops"),
    ("answers are dropped", FIRST, with_rules(("filter", "FORWARD -s 10.244.1.2/32 -j DROP")),
     "pod/p1", "pod/p3", "policy-drops"),
    ("one in ten", FIRST, with_rules(
        ("filter", "FORWARD -m statistic --mode random --probability 0.1 -j DROP")),
     "pod/p1", "pod/p3", "policy-drops"),
    ("where a bridge passes", "host", both(with_rules(("filter", "FORWARD -j DROP")),
        lambda network: replace(network, settings={"bridge/bridge-nf-call-iptables": "1"})),
     "pod/p1", "pod/p3", "policy-drops"),
    ("in the pod", P3, with_rules(("filter", "INPUT -p icmp -j DROP")),
     "pod/p1", "pod/p3", "policy-drops"),
    ("condition that is not known", FIRST, with_rules(
        ("filter", "FORWARD -m time --weekdays Mon -j DROP")), "pod/p1", "pod/p3", "policy-drops"),
    ("target that is not known", FIRST, with_rules(("filter", "FORWARD -j NFQUEUE")),
     "pod/p1", "pod/p3", "policy-drops"),
    ("masquerade between pods", FIRST, with_rules(
        ("nat", "POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -j MASQUERADE")),
     "pod/p1", "pod/p3", "foreign-translation"),
    ("another target", FIRST, with_rules(
        ("nat", "PREROUTING -d 10.244.1.2/32 -j DNAT --to-destination 10.244.0.3")),
     "pod/p1", "pod/p3", "foreign-translation"),
    ("no masquerade", FIRST, without_rules("KUBE-POSTROUTING"),
     "host", "http://192.168.49.2:31222/", "masquerade-missing"),
    ("a chain of an endpoint is empty", FIRST, without_rules("KUBE-SEP-S24FGVX26NJKOOOQ"),
     "pod/p2", "http://s1/", "rules-differ"),
    ("no rules for services", FIRST, both(
        without_rules("KUBE-SERVICES"), programs((41, "kubelet", "S"))),
     "pod/p2", "http://10.111.139.255/", "kube-proxy-down"),
    ("kube-proxy rests, and rules are old", FIRST, both(
        without_rules("KUBE-SERVICES"), programs((40, "kube-proxy", "T"))),
     "pod/p2", "http://10.111.139.255/", "process-stopped"),
    ("no route", SECOND, routes("10.244.0.0/24"), "pod/p3", "pod/p1", "no-route"),
    ("no route back", SECOND, routes("10.244.0.0/24"), "pod/p1", "pod/p3", "no-route"),
    ("blackhole", FIRST, routes("10.244.0.4/32", more=(Route("10.244.0.4/32", "blackhole"),)),
     "pod/p2", "pod/p1", "blackhole-route"),
    ("longer prefix", FIRST, routes(
        more=(Route("10.244.1.2/32", via="192.168.49.1", link="eth0"),)),
     "pod/p1", "pod/p3", "wrong-route"),
    ("another table", FIRST, lambda network: replace(network, routes=(
        *network.routes, Route("0.0.0.0/0", "blackhole", table="9")), policies=(
            PolicyRule(0, "local"), PolicyRule(5, "9", source="10.244.0.0/24"),
            PolicyRule(32766, "main"))), "pod/p1", "pod/p3", "blackhole-route"),
    ("route of the host", "host", routes(
        more=(Route("10.244.0.4/32", via="192.168.49.2", link="lab0"),)),
     "host", "http://10.244.0.4/", "extra-route"),
    ("wrong neighbour", FIRST, neighbour("192.168.49.3", "eth0", "02:00:00:00:00:01"),
     "pod/p1", "pod/p3", "wrong-neighbour"),
    ("wrong neighbour, there", SECOND, neighbour("192.168.49.2", "eth0", "02:00:00:00:00:01"),
     "pod/p1", "pod/p3", "wrong-neighbour"),
    ("forwarding is off", SECOND, settings(ip_forward="0"),
     "pod/p1", "pod/p3", "forwarding-off"),
    ("strict reverse path", SECOND, both(
        settings(**{"conf/eth0/rp_filter": "1"}),
        routes("10.244.0.0/24", more=(Route("10.244.0.0/24", link="veth0"),))),
     "pod/p1", "pod/p3", "reverse-path"),
    ("link down", P3, link("eth0", up=False), "pod/p1", "pod/p3", "link-down"),
    ("port of the bridge is down", "host", link("node2", up=False),
     "pod/p1", "pod/p3", "link-down"),
    ("small link", SECOND, link("eth0", mtu=1400), "pod/p1", "pod/p3", "mtu-too-large"),
    ("web server is stopped", P3, stopped(80, "tcp", "nginx"),
     "pod/p2", "http://s1/", "process-stopped"),
    ("web server is gone", P3, lambda network: replace(network, listeners=()),
     "pod/p2", "http://s1/", "target-port-closed"),
    ("DNS is stopped", DNS, stopped(53, "udp", "python3"),
     "pod/p2", "http://s1/", "process-stopped"),
    ("another name server", P2, lambda network: replace(network, resolver="nameserver 192.0.2.1\n"),
     "pod/p2", "http://s1/", "resolver-changed"),
    ("no search list", P2, lambda network: replace(
        network, resolver="nameserver 10.96.0.10\noptions ndots:5\n"),
     "pod/p2", "http://s1/", "resolver-changed"),
    ("a line in the hosts file", P2, lambda network: replace(network, hosts="10.244.0.3 s1\n"),
     "pod/p2", "http://s1/", "hosts-changed"),
    ("address of another pod", FIRST, lambda network: replace(network, routes=(
        *network.routes, Route("10.244.1.2/32", "local", link="eth0", table="local"))),
     "pod/p1", "pod/p3", "extra-address"),
    ("address of the other node", "host", link("lab0", addresses=(
        "192.168.49.1/24", "192.168.49.3/24")), "pod/p1", "pod/p3", "extra-address"),
    ("arp off", SECOND, link("eth0", hindered="it does not ask (arp off)"),
     "pod/p1", "pod/p3", "link-hindered"),
    ("ports that may not see each other", "host", both(
        link("node1", hindered="it is isolated"), link("node2", hindered="it is isolated")),
     "pod/p1", "pod/p3", "link-hindered"),
    ("locked port, from the host", "host", link(
        "node2", hindered="its state in its bridge is locked"),
     "host", "node/latihan-m02", "link-hindered"),
    ("web server for itself only", P3, lambda network: replace(network, listeners=(
        Listener("tcp", "127.0.0.1", 80),)), "pod/p2", "http://s1/", "listens-elsewhere"),
    ("ping is ignored", P3, settings(icmp_echo_ignore_all="1"),
     "pod/p1", "pod/p3", "ping-ignored"),
    ("a mark that masquerades", FIRST, with_rules(
        ("mangle", "PREROUTING -s 10.244.0.4/32 -j MARK --set-xmark 0x4000/0xffffffff")),
     "pod/p1", "pod/p2", "foreign-translation"),
    ("not tracked", FIRST, with_rules(("raw", "PREROUTING -d 10.111.139.255/32 -j CT --notrack")),
     "pod/p2", "http://s1/", "untracked"),
    ("policy rule that prohibits", FIRST, lambda network: replace(network, policies=(
        PolicyRule(0, "local"), PolicyRule(5, "", target="10.244.1.2/32", action="prohibit"),
        PolicyRule(32766, "main"))), "pod/p1", "pod/p3", "policy-rule"),
    ("policy rule for a link", FIRST, lambda network: replace(network, policies=(
        PolicyRule(0, "local"), PolicyRule(5, "", incoming="eth0", action="blackhole"),
        PolicyRule(32766, "main"))), "pod/p1", "pod/p3", "policy-rule"),
    ("strict reverse path, by the loopback", SECOND, both(
        settings(**{"conf/eth0/rp_filter": "1"}),
        routes(more=(Route("10.244.0.4/32", link="lo"),))),
     "pod/p1", "pod/p3", "reverse-path"),
    ("small route", FIRST, routes("10.244.1.0/24", more=(
        Route("10.244.1.0/24", via="192.168.49.3", link="eth0", mtu=1280),)),
     "pod/p1", "pod/p3", "mtu-too-large"),
    ("short-lived packets", P1, settings(ip_default_ttl="1"), "pod/p1", "pod/p3", "short-lived"),
    ("answers no question", SECOND, settings(**{"conf/all/arp_ignore": "8"}),
     "pod/p1", "pod/p3", "arp-ignored"),
    ("behind another port", "host", lambda network: replace(
        network, behind=(Behind("02:2", "node1"),)), "pod/p1", "pod/p3", "wrong-port"),
    ("a table of nftables", "host", lambda network: replace(
        network, refusing=("bridge quiet",)), "pod/p1", "pod/p3", "foreign-rule"),
    ("a table of nftables on a node", SECOND, lambda network: replace(
        network, refusing=("netdev early",)), "pod/p1", "pod/p3", "foreign-rule"),
    ("own link down", P1, both(link("eth0", up=False), routes("0.0.0.0/0", "10.244.0.0/24")),
     "pod/p1", "pod/p3", "link-down"),
    ("another address", P1, both(
        link("eth0", addresses=("10.244.0.250/24",)), routes("0.0.0.0/0", "10.244.0.0/24")),
     "pod/p1", "pod/p3", "address-lost"),
    ("web server in a frozen control group", P3, stopped(80, "tcp", "nginx", FROZEN),
     "pod/p2", "http://s1/", "process-stopped"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "change", "start", "target", "identifier"),
    [each[1:] for each in FAULTS],
    ids=[each[0] for each in FAULTS],
)
def test_fault_is_the_first_departure(
    place: str, change: Change, start: str, target: str, identifier: str
) -> None:
    walk = sample.walk(sample.world({place: change}), start, target)
    assert walk.departures, walk.ways
    assert (walk.departures[0].id, walk.departures[0].place) == (identifier, place)
    assert walk.departures[0].fix


@pytest.mark.parametrize(
    "rule",
    [
        "FORWARD -d -j DROP",
        "FORWARD -m mark --mark x/y -j DROP",
        "FORWARD -m mark --mark -j DROP",
        "FORWARD -p tcp -m tcp --tcp-flags SYN -j DROP",
        "FORWARD -m statistic --mode random --probability half -j DROP",
        "FORWARD -m multiport --dports a,b -j DROP",
        "FORWARD -j",
        "FORWARD !",
    ],
)
def test_rule_that_can_not_be_read_breaks_nothing(rule: str) -> None:
    seen = sample.world({FIRST: with_rules(("filter", rule), ("mangle", rule))})
    walk = sample.walk(seen, "pod/p1", "pod/p3")
    assert {each.id for each in walk.departures} <= {"policy-drops"}
    marks = with_rules(("mangle", "PREROUTING -j MARK --set-xmark x"))
    assert sample.walk(sample.world({FIRST: marks}), "pod/p1", "pod/p3").departures == ()


def test_fault_elsewhere_is_not_met_but_told_as_different() -> None:
    seen = sample.world({FIRST: with_rules(("filter", "FORWARD -d 10.244.0.4/32 -j DROP"))})
    assert sample.walk(seen, "pod/p2", "pod/p3").departures == ()
    assert "foreign-rule" in {each.id for each in beyond.departures(seen)}


def api(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    objects = sample.items()
    change(objects)
    return objects


@pytest.mark.parametrize(
    ("objects", "identifier"),
    [
        (api(lambda all_: all_["services"][0]["spec"].update(selector={"no": "pod"})),
         "selector-matches-no-pod"),
        (api(lambda all_: all_["pods"][2]["status"].update(conditions=[])), "endpoint-not-ready"),
        (api(lambda all_: all_["endpointslices"][0].update(endpoints=[])), "endpoints-differ"),
    ],
)  # fmt: skip
def test_service_that_is_not_as_its_pods(objects: dict[str, Any], identifier: str) -> None:
    walk = sample.walk(sample.world(objects=objects), "pod/p2", "http://10.108.155.132/")
    seen = sample.world(objects=objects)
    asked = asking.question(seen.cluster, "pod/p2", "http://10.111.139.255/")
    assert identifier in {each.id for each in asking.follow(seen, asked).departures}
    assert walk is not None


def test_frozen_program_is_told_before_its_pod_that_is_not_ready() -> None:
    def unready(objects: dict[str, Any]) -> None:
        objects["pods"][2]["status"].update(conditions=[])
        objects["endpointslices"][0]["endpoints"][0]["conditions"] = {"ready": False}

    seen = sample.world({P1: stopped(80, "tcp", "nginx")}, api(unready))
    found = services.departures(seen, seen.cluster.services["default/s1"])
    assert [each.id for each in found] == ["process-stopped", "endpoint-not-ready"]


def test_port_of_a_pod_on_its_node_is_no_foreign_translation() -> None:
    rule = "PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.244.0.4:80"
    ports = {"containers": [{"name": "c", "ports": [{"hostPort": 8080, "containerPort": 80}]}]}
    named = api(lambda objects: objects["pods"][2]["spec"].update(ports))
    changes = {FIRST: with_rules(("nat", rule))}
    target = "http://192.168.49.2:8080/"
    assert sample.walk(sample.world(changes, named), "host", target).departures == ()
    (found,) = sample.walk(sample.world(changes), "host", target).departures
    assert found.id == "foreign-translation"


def test_name_and_port_that_a_service_does_not_have() -> None:
    seen = sample.world()
    port = sample.walk(seen, "pod/p2", "http://s1:81/")
    assert [each.id for each in port.departures] == ["no-such-port"]
    asked = replace(asking.question(seen.cluster, "pod/p2", "http://s9/"), wanted=True)
    assert [each.id for each in asking.follow(seen, asked).departures] == ["no-such-service"]


@pytest.mark.parametrize(
    ("there", "found"),
    [("Ini adalah p3", []), ("Ini adalah p1", ["other-page"]), (None, [])],
)
def test_page_is_held_against_the_one_of_the_manifest(there: str | None, found: list[str]) -> None:
    annotated = api(
        lambda objects: objects["pods"][3]["metadata"].update(annotations={PAGE: "Ini adalah p3"})
    )
    changes: dict[str, Change] = {P3: lambda network: replace(network, page=there)}
    walk = sample.walk(sample.world(changes, annotated), "pod/p2", "http://s1/")
    assert [each.id for each in walk.departures] == found
    assert {way.end for way in walk.ways} == {PASSES}


def backends(change: Callable[[dict[str, Any]], object], node: str, source: str) -> list[str]:
    """Where a node should send packets for s1 (10.111.139.255), with a change of the API."""
    known = sample.world(objects=api(change)).cluster
    found = known.translation(node, source, "10.111.139.255", 80, "tcp")
    assert found is not None
    return [each.address for each in found.backends]


def test_endpoints_are_those_of_the_family_that_is_followed() -> None:
    def dual(objects: dict[str, Any]) -> None:
        first = objects["endpointslices"][0]
        other = {**first["endpoints"][0], "addresses": ["fd00::4"]}
        objects["endpointslices"].append({**first, "addressType": "IPv6", "endpoints": [other]})

    assert backends(dual, "latihan", "10.244.0.3") == ["10.244.0.4", "10.244.1.2"]
    with pytest.raises(LabError, match="only packets of IPv4 are followed"):
        sample.walk(sample.world(), "pod/p1", "http://[fd00::4]:80/")


def test_endpoints_that_end_but_serve_are_taken_if_none_is_ready() -> None:
    def ending(objects: dict[str, Any]) -> None:
        first, second = objects["endpointslices"][0]["endpoints"]
        first["conditions"] = {"ready": False, "serving": True, "terminating": True}
        second["conditions"] = {"ready": False, "serving": False, "terminating": True}

    assert backends(ending, "latihan", "10.244.0.3") == ["10.244.0.4"]


def test_service_for_its_own_node_leads_to_pods_there() -> None:
    def local(objects: dict[str, Any]) -> None:
        objects["services"][0]["spec"]["internalTrafficPolicy"] = "Local"

    assert backends(local, "latihan", "10.244.0.3") == ["10.244.0.4"]
    assert backends(local, "latihan-m02", "10.244.1.9") == ["10.244.1.2"]


def test_place_that_was_not_read_is_neither_right_nor_wrong() -> None:
    seen = sample.world()
    networks = {name: each for name, each in seen.networks.items() if name != P3}
    walk = sample.walk(
        replace(seen, networks=networks, unseen={P3: "no way in"}), "pod/p1", "pod/p3"
    )
    assert {way.end for way in walk.ways} == {"unseen"}
    assert walk.departures == ()
    assert walk.unread == ("pod/p3: no way in",)


@pytest.mark.parametrize(
    ("start", "target"),
    [("pod/nobody", "http://s1/"), ("somewhere", "http://s1/"), ("host", "pod/nobody")],
)
def test_place_that_does_not_exist_is_bad_input(start: str, target: str) -> None:
    with pytest.raises(LabError, match=r"is not a place|There is no"):
        asking.question(sample.world().cluster, start, target)
