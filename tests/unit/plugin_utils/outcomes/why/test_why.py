"""Why a connection went where it went, from what a real node said (data/)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract, Stopped
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    AddressOwner,
    Facts,
    LabInfo,
    PodInfo,
    ServiceInfo,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import nftables
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    HttpYield,
    ProbeResult,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why import (
    collect,
    conntrack,
    explain,
    iptables,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.explain import Datapath
from tests.unit.plugin_utils.outcomes.answers import answer as probe_answer
from tests.unit.plugin_utils.outcomes.path.test_nftables import RULESET

DATA = Path(__file__).parent / "data"
BEFORE = iptables.parse((DATA / "rules_before.txt").read_text())
AFTER = iptables.parse((DATA / "rules_after.txt").read_text())
CONNECTIONS = conntrack.parse((DATA / "flows.xml").read_text())
PATH = Datapath("lead", BEFORE, AFTER, CONNECTIONS)
ADDRESSES = {
    "10.244.0.4": "pod/p3",
    "10.244.1.2": "pod/p1",
    "192.168.49.2": "node/lead",
    "192.168.49.3": "node/other",
}
S1 = "10.111.139.255"
ONWARD = {
    "10.244.0.4": "10.244.0.4 dev veth1 src 10.244.0.1 uid 0",
    "10.244.1.2": "10.244.1.2 via 192.168.49.3 dev eth0 src 192.168.49.2 uid 0",
}


def owned(addresses: dict[str, str]) -> Facts:
    owners = {each: AddressOwner(owner=owner) for each, owner in addresses.items()}
    return Facts(addresses=owners)


KNOWN = owned(ADDRESSES)
SERVED = HttpYield(status=200, local_ip="10.244.0.3", local_port="41602", remote_ip=S1)


def answer(reason: str = "ok", place: str = "pod/p2/p2-c2", **fields: Any) -> ProbeResult:
    return probe_answer(reason, **{"from": place}, **fields)


def test_rules_are_read_with_their_counters_and_choices() -> None:
    service = next(
        rules for (_table, chain), rules in AFTER.items() if chain == "KUBE-SVC-WXDZ2HVMUQ5BIO6Q"
    )
    assert [(rule.number, rule.probability, rule.packets) for rule in service] == [
        (1, 0.5, 1),
        (2, 1.0, 0),
    ]
    assert service[0].comment == "default/s1"


def test_negated_options_are_not_taken_for_plain_ones() -> None:
    rule = iptables.parse('*nat\n[1:2] -A A ! -s 10.0.0.0/8 -m comment --comment "x y" -j B\n')
    assert rule["nat", "A"][0].value("-s") == ""
    assert rule["nat", "A"][0].target == "B"


def test_trail_leads_from_the_service_to_the_chosen_backend() -> None:
    trail = iptables.trail(AFTER, BEFORE, S1, 80, "10.244.0.4:80")
    assert [rule.chain[:9] for rule in trail] == ["KUBE-SERV", "KUBE-SVC-", "KUBE-SEP-"]
    assert [iptables.counted(BEFORE, rule) for rule in trail] == [1, 1, 1]
    assert iptables.trail(AFTER, BEFORE, S1, 80, "10.244.0.9:80") == []
    assert iptables.trail(AFTER, BEFORE, S1, 81, "10.244.0.4:80") == []


def test_service_connection_is_explained_in_one_sentence() -> None:
    why = explain.carried(answer(), SERVED, PATH, KNOWN, ONWARD.__getitem__)
    assert why is not None
    assert why.sentence == (
        f"pod/p2/p2-c2 -> {S1}:80 (default/s1), rule 1 of 2 (p=0.5), to pod/p3 at 10.244.0.4:80, "
        "translated on node lead"
    )
    assert [line.split(" ")[0] for line in why.lines[:-1]] == ["[+1]", "[+1]", "[+1]", "conntrack:"]
    assert why.lines[-1] == f"ip route get 10.244.0.4: {ONWARD['10.244.0.4']}"


def test_hidden_client_is_told() -> None:
    served = HttpYield(local_ip="192.168.49.1", local_port="55472", remote_ip="192.168.49.2")
    why = explain.carried(answer(place="host"), served, PATH, KNOWN, ONWARD.__getitem__)
    assert why is not None
    assert "192.168.49.2:31222 (default/np), rule 2 of 2" in why.sentence
    assert "translated on node lead, by way of node/other; " in why.sentence
    assert why.sentence.endswith("pod/p1 sees 192.168.49.2, not 192.168.49.1")


def test_connection_that_the_node_does_not_know_is_not_explained() -> None:
    other = SERVED.model_copy(update={"local_port": "1"})
    assert explain.carried(answer(), other, PATH, KNOWN, ONWARD.__getitem__) is None


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("no_route", "host has no route to 10.244.1.2; its routes: 192.168.49.0/24"),
        ("refused", "pod/p1 answered that nothing listens on its port 81"),
        ("timeout", "no answer from pod/p1 at 10.244.1.2:81: timeout"),
    ],
)
def test_refusals_name_what_refused(reason: str, sentence: str) -> None:
    why = explain.refused(
        answer(reason, "host"),
        ("10.244.1.2", 81),
        path=PATH,
        route="RTNETLINK answers: Network is unreachable",
        routes=["192.168.49.0/24"],
        facts=KNOWN,
    )
    assert why.sentence == sentence
    assert why.lines == ["ip route get 10.244.1.2: RTNETLINK answers: Network is unreachable"]


def test_service_without_endpoints_is_refused_by_its_rule() -> None:
    rules = iptables.parse(
        "*filter\n"
        '[3:180] -A KUBE-SERVICES -d 10.96.7.8/32 -p tcp -m comment --comment "default/s1 has no '
        'endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable\n'
    )
    why = explain.refused(
        answer("refused"),
        ("10.96.7.8", 80),
        path=Datapath("lead", {}, rules, []),
        route="",
        routes=[],
        facts=KNOWN,
    )
    assert why.sentence == ("node lead refuses 10.96.7.8:80: default/s1 has no endpoints (REJECT)")


REJECTED = (
    '-A KUBE-SERVICES -d 10.96.7.8/32 -p tcp -m comment --comment "default/s1 has no endpoints" '
    "-m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable\n"
)
FACTS = Facts(
    pods={"p2": PodInfo(name="p2", node="lead")},
    services={"s1": ServiceInfo(name="s1", cluster_ip="10.96.7.8")},
    addresses={"10.96.7.8": AddressOwner(owner="service/s1")},
    lab=LabInfo(namespace="default", nodes=["lead"]),
)


def moment(rules: str) -> collect.Moment:
    return collect.Moment(iptables.parse(rules), "")


@pytest.mark.parametrize(
    "name", ["s1", "s1.default", "s1.default.svc", "s1.default.svc.cluster.local", "10.96.7.8"]
)
def test_service_that_a_pod_calls_by_name_is_refused_by_its_rule(name: str) -> None:
    asked = answer("refused", target=f"http://{name}/")
    (why,) = collect.reasons(
        Contract("", "", "", "", "", Stopped(), ()),
        FACTS,
        [asked],
        before={"lead": moment("*filter\n[3:180] " + REJECTED)},
        after={"lead": moment("*filter\n[4:240] " + REJECTED)},
    )
    assert why.sentence == ("node lead refuses 10.96.7.8:80: default/s1 has no endpoints (REJECT)")
    assert why.lines[0].startswith("[+1] -A KUBE-SERVICES")


@pytest.mark.parametrize(
    ("place", "name"), [("host", "s1"), ("pod/p2", "s1.other"), ("pod/p2", "s9")]
)
def test_other_names_are_no_service_of_the_lab(place: str, name: str) -> None:
    assert collect.address_of(FACTS, place, name) == name


def test_name_that_was_not_resolved_led_to_nobody() -> None:
    why = explain.refused(
        answer("unresolved", target="http://s1/"),
        ("10.96.7.8", 80),
        path=PATH,
        route="",
        routes=[],
        facts=KNOWN,
    )
    assert why.sentence == "pod/p2/p2-c2 found no address for http://s1/: unresolved"


# What kube-proxy writes for a load balancer's address: the last rule is for whom no other let in.
BALANCED = (
    "*nat\n"
    '[{0}:60] -A KUBE-SERVICES -d 192.0.2.9/32 -p tcp -m comment --comment "default/s1 '
    'loadbalancer IP" -m tcp --dport 80 -j KUBE-FW-A\n'
    '[{0}:60] -A KUBE-FW-A -m comment --comment "default/s1 loadbalancer IP" -j KUBE-MARK-MASQ\n'
    '[{1}:60] -A KUBE-FW-A -m comment --comment "default/s1 loadbalancer IP" -j KUBE-SVC-A\n'
    '[{2}:60] -A KUBE-FW-A -m comment --comment "default/s1 loadbalancer IP" -j KUBE-MARK-DROP\n'
    "[0:0] -A KUBE-SVC-A -m statistic --mode random --probability 0.5 -j KUBE-SEP-A\n"
    "[{1}:60] -A KUBE-SVC-A -j KUBE-SEP-B\n"
    "[0:0] -A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.4:81\n"
    "[{1}:60] -A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.244.1.2:81\n"
)
LED = "node lead led 192.0.2.9:80 (default/s1) to pod/p1 at 10.244.1.2:81,"


@pytest.mark.parametrize(
    ("counters", "reason", "sentence"),
    [
        (
            (1, 1, 0),
            "refused",
            f"{LED} where nothing listens",
        ),
        (
            (1, 1, 0),
            "timeout",
            f"{LED} and no answer came: timeout",
        ),
        (
            (1, 0, 1),
            "timeout",
            "node lead refuses 192.0.2.9:80: default/s1 loadbalancer IP (KUBE-MARK-DROP)",
        ),
        ((0, 0, 0), "timeout", "no answer from service/s1 at 192.0.2.9:80: timeout"),
    ],
)
def test_only_what_counted_the_connection_is_told(
    counters: tuple[int, int, int], reason: str, sentence: str
) -> None:
    before = iptables.parse(BALANCED.format(0, 0, 0))
    why = explain.refused(
        answer(reason, "host"),
        ("192.0.2.9", 80),
        path=Datapath("lead", before, iptables.parse(BALANCED.format(*counters)), []),
        route="",
        routes=[],
        facts=owned({**ADDRESSES, "192.0.2.9": "service/s1"}),
    )
    assert why.sentence == sentence


def test_empty_table_has_no_connections() -> None:
    assert conntrack.parse("") == []


def test_node_without_a_local_endpoint_drops() -> None:
    rules = iptables.parse(
        "*nat\n"
        '[1:60] -A KUBE-NODEPORTS -p tcp -m comment --comment "default/kept" -m tcp --dport 31000 '
        "-j KUBE-XLB-A\n"
        '[0:0] -A KUBE-XLB-A -s 10.244.0.0/16 -m comment --comment "pods" -j KUBE-SVC-A\n'
        '[1:60] -A KUBE-XLB-A -m comment --comment "default/kept has no local endpoints" '
        "-j KUBE-MARK-DROP\n"
    )
    why = explain.refused(
        answer("timeout", "host"),
        ("192.168.49.2", 31000),
        path=Datapath("lead", {}, rules, []),
        route="",
        routes=[],
        facts=KNOWN,
    )
    assert why.sentence == (
        "node lead refuses 192.168.49.2:31000: default/kept has no local endpoints (KUBE-MARK-DROP)"
    )
    assert why.lines[0].startswith("[+1] -A KUBE-XLB-A")


def test_of_two_ways_the_one_that_was_taken_is_told() -> None:
    quiet = (
        '[0:0] -A KUBE-NODEPORTS -p tcp -m comment --comment "default/kept" -m tcp --dport 31000 '
        "-j KUBE-XLB-A\n"
        "[0:0] -A KUBE-XLB-A -s 10.244.0.0/16 -j KUBE-SVC-A\n"
        "[0:0] -A KUBE-SVC-A -j KUBE-SEP-A\n"
        "[0:0] -A KUBE-XLB-A -j KUBE-SEP-A\n"
        "[0:0] -A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.4:80\n"
    )
    busy = (
        quiet.replace("[0:0] -A KUBE-N", "[1:60] -A KUBE-N")
        .replace("[0:0] -A KUBE-SEP", "[1:60] -A KUBE-SEP")
        .replace("[0:0] -A KUBE-XLB-A -j", "[1:60] -A KUBE-XLB-A -j")
    )
    before, after = iptables.parse("*nat\n" + quiet), iptables.parse("*nat\n" + busy)
    way = iptables.trail(after, before, "192.168.49.2", 31000, "10.244.0.4:80")
    assert [rule.chain for rule in way] == ["KUBE-NODEPORTS", "KUBE-XLB-A", "KUBE-SEP-A"]


def test_rules_of_nftables_are_named_without_counts() -> None:
    chains = nftables.chains(nftables.parse(RULESET), "")
    path = replace(PATH, before=chains, after=chains)
    why = explain.carried(answer(), SERVED, path, KNOWN, ONWARD.__getitem__)
    assert why is not None
    assert "10.111.139.255:80 (default/s1), rule 1 of 2 (p=0.5), to pod/p3" in why.sentence
    assert why.lines[0].startswith("services, handle 52: ")


def test_what_other_rules_translated_did_not_go_straight() -> None:
    """kube-proxy in IPVS or nftables mode, or what replaces it, leaves no chains of iptables."""
    why = explain.carried(answer(), SERVED, replace(PATH, after={}), KNOWN, ONWARD.__getitem__)
    assert why is not None
    assert why.sentence.endswith(
        "translated on node lead by something other than rules of kube-proxy"
    )
