"""nftables' own rules: kube-proxy's, and those of others, judged like rules of iptables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import (
    beyond,
    nftables,
    parse,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import Network
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import PASSES
from tests.unit.plugin_utils.outcomes.path import sample
from tests.unit.plugin_utils.outcomes.path.sample import FIRST, SECOND, Change
from tests.unit.plugin_utils.outcomes.path.test_walk import SOUND

# As kube-proxy v1.36.2 wrote it and nft 1.0.6 printed it, with the addresses of the sample.
RULESET = (Path(__file__).parent / "data" / "kube_proxy.json").read_text(encoding="utf-8")
# In iptables itself kube-proxy has no rule then.
ELSEWHERE = "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"


# What differs on the second node: its address, and which endpoint is its own.
OF_SECOND = {
    "192.168.49.2": "192.168.49.3",
    '"10.244.0.4", "10.244.0.4"': '"10.244.1.2", "10.244.1.2"',
}


def of_nftables(ruleset: str = RULESET, printed: str = "") -> Change:
    def change(network: Network) -> Network:
        there = ruleset
        for first, second in OF_SECOND.items() if network.place == SECOND else ():
            there = there.replace(first, second)
        rules = nftables.backends(nftables.parse(there), {"filter"}, printed)
        return replace(network, netfilter=(parse.netfilter(ELSEWHERE), *rules))

    return change


def world(ruleset: str = RULESET) -> Any:
    return sample.world({FIRST: of_nftables(ruleset), SECOND: of_nftables()})


@pytest.mark.parametrize(("start", "target", "ends"), SOUND)
def test_sound_lab_does_what_it_should(start: str, target: str, ends: set[str]) -> None:
    walk = sample.walk(world(), start, target)
    assert walk.departures == ()
    assert {way.end for way in walk.ways} == ends


def test_sound_lab_is_as_it_was_made() -> None:
    assert beyond.departures(world()) == ()


def test_each_pod_gets_its_share() -> None:
    walk = sample.walk(world(), "pod/p2", "http://s1/")
    assert sorted(way.share for way in walk.ways) == [0.5, 0.5]


def without(*texts: str) -> str:
    """The ruleset without the elements, or rules, that have all of these texts."""
    document = json.loads(RULESET)
    kept = []
    for item in document["nftables"]:
        (each,) = item.values()
        if "elem" in each:
            each["elem"] = [e for e in each["elem"] if not all(t in json.dumps(e) for t in texts)]
            kept.append(item)
        elif "expr" not in each or not all(text in json.dumps(item) for text in texts):
            kept.append(item)
    return json.dumps({"nftables": kept})


def with_chain(*rules: list[Any], hook: str = "forward", prio: int = 5, **chain: Any) -> str:
    """The ruleset and somebody's chain with these rules; each is a list of statements."""
    own = {"family": "inet", "table": "mine"}
    items = json.loads(RULESET)["nftables"]
    named = {**own, "name": "f", "type": "filter", "hook": hook, "prio": prio, **chain}
    items.append({"chain": named})
    for number, expr in enumerate(rules):
        items.append({"rule": {**own, "chain": "f", "handle": 7 + number, "expr": expr}})
    return json.dumps({"nftables": items})


def of(protocol: str, field: str, right: Any, op: str = "==") -> dict[str, Any]:
    left = {"payload": {"protocol": protocol, "field": field}}
    return {"match": {"op": op, "left": left, "right": right}}


DROP = {"drop": None}
TO_P3 = of("ip", "daddr", "10.244.1.2")
FAULTS = [
    ("no element for a service", without("10.111.139.255", "goto"), "rules-differ"),
    ("a foreign drop", with_chain([TO_P3, {"counter": {"packets": 3}}, DROP]), "policy-drops"),
    ("a policy", with_chain(policy="drop"), "policy-drops"),
    ("a set of ports", with_chain([of("tcp", "dport", {"set": [80, 443]}), DROP]), "policy-drops"),
    ("a range of ports", with_chain([of("th", "dport", {"range": [1, 99]}), DROP]), "policy-drops"),
    ("a block", with_chain([of("ip", "daddr", {"prefix": {"addr": "10.244.1.0", "len": 24}}),
                            {"reject": None}]), "policy-drops"),
    ("what can't be read may match", with_chain([of("ip", "length", 60), DROP]), "policy-drops"),
    ("a translation", with_chain(
        [{"dnat": {"addr": "10.9.9.9", "port": 81}}], hook="prerouting", prio=-101, type="nat"),
     "foreign-translation"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ruleset", "identifier"), [each[1:] for each in FAULTS], ids=[each[0] for each in FAULTS]
)
def test_fault_is_the_first_departure(ruleset: str, identifier: str) -> None:
    walk = sample.walk(world(ruleset), "pod/p2", "http://s1/")
    assert (walk.departures[0].id, walk.departures[0].place) == (identifier, FIRST)
    assert "nft" in walk.departures[0].shows


HARMLESS = [
    [of("ip", "daddr", "10.9.9.9"), DROP],
    [of("ip", "daddr", "10.244.1.2", "!="), of("ip", "daddr", "10.244.0.0/24", "!="), DROP],
    [of("ip", "daddr", "@nobody"), DROP],
    [of("udp", "dport", 80), DROP],
    [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "invalid"}}, DROP],
    [{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "wlan*"}}, DROP],
    [{"accept": None}, ],
    [{"log": None}, {"counter": {"packets": 1}}],
]  # fmt: skip


@pytest.mark.parametrize("rule", HARMLESS)
def test_rule_of_others_that_does_not_match_is_no_departure(rule: list[Any]) -> None:
    walk = sample.walk(world(with_chain(rule)), "pod/p2", "http://s1/")
    assert walk.departures == ()
    assert {way.end for way in walk.ways} == {PASSES}


def test_chain_that_accepts_ends_only_itself() -> None:
    items = json.loads(with_chain([{"accept": None}], prio=-10))["nftables"]
    items += json.loads(with_chain([TO_P3, DROP]))["nftables"]
    for item in items[-2:]:
        next(iter(item.values()))["table"] = "later"
    walk = sample.walk(world(json.dumps({"nftables": items})), "pod/p2", "http://s1/")
    assert walk.departures[0].actual.startswith("a rule of the table inet later drops")


def test_rule_is_shown_as_nft_prints_it_and_deleted_by_its_handle() -> None:
    printed = "table inet mine { # handle 1\n\tchain f {\n\t\tip daddr 10.244.1.2 drop # handle 7\n"
    change = of_nftables(with_chain([TO_P3, DROP]), printed)
    first = sample.walk(sample.world({FIRST: change, SECOND: of_nftables()}), "pod/p1", "pod/p3")
    assert "f, handle 7: ip daddr 10.244.1.2 drop" in first.departures[0].actual
    assert first.departures[0].fix.endswith("-- nft delete rule inet mine f handle 7")


def test_set_that_packets_fill_may_or_may_not_have_an_address() -> None:
    items = json.loads(with_chain([of("ip", "saddr", "@seen"), DROP]))["nftables"]
    seen = {"family": "inet", "table": "mine", "name": "seen", "flags": ["timeout"], "elem": []}
    items.append({"set": seen})
    walk = sample.walk(world(json.dumps({"nftables": items})), "pod/p1", "pod/p3")
    assert {departure.certain for departure in walk.departures} == {False}
    assert PASSES in {way.end for way in walk.ways}


def test_tables_that_iptables_reads_are_not_read_twice() -> None:
    ruleset = with_chain([DROP], table="filter", family="ip")
    both, plain = nftables.parse(ruleset), nftables.parse(RULESET)
    assert len(nftables.backends(both, {"filter"})) == len(nftables.backends(plain, ()))


@pytest.mark.parametrize("text", ["", "no JSON", "{}", '{"nftables": [1]}', '{"nftables": [{}]}'])
def test_what_can_not_be_read_is_left_out(text: str) -> None:
    assert nftables.backends(nftables.parse(text), ()) == []
    assert nftables.unread(nftables.parse(text)) == []
