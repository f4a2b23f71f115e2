"""Whatever iptables-save and conntrack print: what can't be read is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why import conntrack, iptables

DATA = Path(__file__).parent / "data"
WORDS = st.sampled_from(
    [
        *(
            "*nat\n",
            "*filter\n",
            ":KUBE-SERVICES - [0:0]\n",
            ":",
            ":\n",
            "COMMIT\n",
            "\n",
            " ",
            "'",
        ),
        *(
            "[1:60] -A KUBE-SERVICES ",
            "[1:60] -A ",
            "-j KUBE-SERVICES",
            "-j",
            " -j DNAT",
            '"',
            "\\",
        ),
        *("-d 10.1.2.3/32", " --dport 80", "--dport", "--to-destination 10.2.0.1:80", "! -d", "#"),
        *("--probability", "--probability x", "--comment", f"[{'9' * 5000}:1] -A A -j B\n", "\0"),
        *("-j REJECT", "-j KUBE-MARK-DROP", "[1:60] -A KUBE-NODEPORTS -p tcp --dport 80 -j X\n"),
        *(
            "[1:60] -A X -j KUBE-NODEPORTS\n",
            "[1:1] -A KUBE-NODEPORTS --dport 80 -j KUBE-NODEPORTS\n",
        ),
    ]
)
RULES = st.text() | st.lists(WORDS, max_size=25).map("".join)


@given(RULES, RULES)
def test_fuzzed_rules(text: str, earlier: str) -> None:
    chains, before = iptables.parse(text), iptables.parse(earlier)
    iptables.trail(chains, before, "10.1.2.3", 80, "10.2.0.1:80")
    iptables.taken(chains, before, "10.1.2.3", 80)
    iptables.refusals(chains, before, "10.1.2.3", 80)
    for rules in chains.values():
        for rule in rules:
            assert rule.text.startswith("-A ")
            assert 0 <= rule.probability <= 1
            iptables.choices(chains, rule)


@pytest.mark.parametrize(
    "text",
    [
        *(":", ": \n", "[1:1] -A ", "[1:1] -A", "[1:1] -A 'x", f"[{'9' * 5000}:1] -A X -j Y"),
        *("[1:1] -A X -j", "[1:1] -A X --probability x -j Y", "[1:1] -A X --probability nan"),
    ],
)
def test_rules(text: str) -> None:
    for rules in iptables.parse(f"*nat\n{text}\n[1:1] -A GOOD -j Y\n").values():
        for rule in rules:
            assert (rule.target, rule.probability) is not None
    assert ("nat", "GOOD") in iptables.parse(f"*nat\n{text}\n[1:1] -A GOOD -j Y\n")


def test_rules_that_lead_back_to_themselves() -> None:
    chains = iptables.parse(
        "*nat\n[1:1] -A KUBE-SERVICES -d 10.1.2.3/32 --dport 80 -j A\n"
        "[1:1] -A A -j B\n[1:1] -A B -j A\n[1:1] -A B -j DNAT --to-destination 10.2.0.1:80\n"
    )
    found = iptables.trail(chains, {}, "10.1.2.3", 80, "10.2.0.1:80")
    assert [rule.chain for rule in found] == ["KUBE-SERVICES", "A", "B"]
    assert iptables.refusals(chains, {}, "10.1.2.3", 80) == []


PARTS = st.sampled_from(
    [
        *(
            "<conntrack>",
            "</conntrack>",
            "<flow>",
            "</flow>",
            '<meta direction="original">',
            "</meta>",
        ),
        *('<meta direction="reply">', "<layer3>", "</layer3>", "<src>10.1.2.3</src>", "<src/>"),
        *(
            "<layer4 protoname='tcp'>",
            "</layer4>",
            "<sport>80</sport>",
            "<dport>x</dport>",
            "<dport/>",
        ),
        *(
            "<dport>80</dport>",
            "<state>ESTABLISHED</state>",
            "<?xml version='1.0'?>\n",
            "&",
            "&lt;",
        ),
        *("<!DOCTYPE x [<!ENTITY a 'aaaa'>]>", "&a;", "<!--", "\0", f"<sport>{'9' * 5000}</sport>"),
    ]
)


@given(st.text() | st.lists(PARTS, max_size=30).map("".join))
def test_fuzzed_connections(text: str) -> None:
    for each in conntrack.parse(text):
        assert str(each)
        assert conntrack.find([each], each.original.source, 1, "x") is None or each.original


@given(st.integers(0, 10_000), st.text(max_size=5))
def test_fuzzed_real_connections(place: int, odd: str) -> None:
    """A real table, cut and with something odd put in."""
    whole = (DATA / "flows.xml").read_text(encoding="utf-8")
    cut = place % len(whole)
    assert len(conntrack.parse(whole[:cut])) == 0
    conntrack.parse(f"{whole[:cut]}{odd}{whole[cut:]}")
