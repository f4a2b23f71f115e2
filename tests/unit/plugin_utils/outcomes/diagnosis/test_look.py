"""Each cause from the state that speaks for it, and none from a sound lab."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import (
    Api,
    Query,
    RefusedError,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Node,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts, PodInfo
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import Completed
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.diagnosis import look
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.diagnosis.causes import (
    Inside,
    Seen,
    causes,
)

Document = dict[str, Any]


def node(name: str, address: str, block: str, peer: tuple[str, str]) -> Document:
    return {
        "name": name,
        "ready": True,
        "reason": "",
        "internal_ip": address,
        "pod_cidr": block,
        "routes": [{"to": peer[0], "via": peer[1], "interface": "eth0"}],
        "interfaces": {
            "eth0": {"name": "eth0", "mtu": 1500},
            "veth1": {"name": "veth1", "mtu": 1500},
        },
    }


FACTS: Document = {
    "nodes": {
        "a": node("a", "192.0.2.2", "10.0.0.0/24", ("10.0.1.0/24", "192.0.2.3")),
        "b": node("b", "192.0.2.3", "10.0.1.0/24", ("10.0.0.0/24", "192.0.2.2")),
    },
    "pods": {"p1": {"name": "p1", "labels": {"app": "x"}, "ip": "10.0.0.5", "node": "a"}},
    "services": {"s1": {"name": "s1", "selector": {"app": "x"}, "ports": [{"target_port": 80}]}},
    "endpoints": {
        "s1": {
            "name": "s1",
            "ready": ["10.0.0.5"],
            "not_ready": [],
            "not_ready_pods": [],
            "ports": [80],
        }
    },
    "addresses": {"10.0.0.5": {"owner": "pod/p1"}},
}
SOUND = Seen(
    facts=Facts.model_validate(FACTS),
    entered=frozenset({"a", "b"}),
    inside={"a": Inside(kube_proxy=True), "b": Inside(kube_proxy=True)},
    dns_ready=1,
    services=["s1"],
)


def seen(change: Callable[[Document], object]) -> Seen:
    facts = copy.deepcopy(FACTS)
    change(facts)
    return replace(SOUND, facts=Facts.model_validate(facts))


def test_a_sound_lab_has_no_cause() -> None:
    assert causes(SOUND) == []


@pytest.mark.parametrize(
    ("broken", "identifier", "names"),
    [
        (seen(lambda f: f["nodes"]["b"].update(ready=False, reason="Gone")), "node-down", "b is"),
        (replace(SOUND, inside={"a": Inside(kube_proxy=True)}), "node-down", "node b is stopped"),
        (
            replace(SOUND, inside={**SOUND.inside, "b": Inside(kube_proxy=False)}),
            "kube-proxy-down",
            "node b",
        ),
        (seen(lambda f: f["nodes"]["a"]["routes"].clear() or f["nodes"]["a"]["routes"].append(
            {"to": "default", "via": "192.0.2.1", "interface": "eth0"})), "no-route",
            "10.0.1.0/24, the pods of b"),
        (
            seen(lambda f: f["nodes"]["a"]["interfaces"]["eth0"].update(mtu=1400)),
            "mtu-too-large",
            "eth0 takes only 1400",
        ),
        (replace(SOUND, dns_ready=0), "dns-no-endpoint", "DNS"),
        (
            replace(SOUND, inside={
                **SOUND.inside, "a": Inside(True, drops=("-A FORWARD -s 10.0.0.5 -j DROP",))}),
            "policy-drops",
            "-A FORWARD",
        ),
        (
            replace(SOUND, inside={**SOUND.inside, "a": Inside(True, drops_the_rest=True)}),
            "policy-drops",
            "node a drops forwarded packets that no rule accepts",
        ),
        (
            seen(lambda f: f["pods"]["p1"].update(labels={})),
            "selector-matches-no-pod",
            "app=x",
        ),
        (
            seen(lambda f: f["endpoints"]["s1"].update(ready=[], not_ready_pods=["p1"])),
            "endpoint-not-ready",
            "p1",
        ),
        (
            replace(SOUND, inside={
                **SOUND.inside, "a": Inside(True, closed=frozenset({"10.0.0.5:80"}))}),
            "target-port-closed",
            "port 80 of pod/p1",
        ),
    ],
)  # fmt: skip
def test_each_cause_is_named(broken: Seen, identifier: str, names: str) -> None:
    found = causes(broken)
    assert [cause.id for cause in found] == [identifier]
    assert names in found[0].cause
    assert found[0].fix


def test_services_that_the_outcome_is_not_about_are_left_out() -> None:
    broken = seen(lambda facts: facts["pods"].clear())
    assert causes(replace(broken, services=[])) == []


@pytest.mark.parametrize(
    "broken",
    [
        replace(SOUND, inside={"b": Inside(kube_proxy=True)}),
        seen(lambda f: f["nodes"]["a"].update(ready=False, reason="Gone")),
        seen(lambda f: f["endpoints"]["s1"].update(ready=[], not_ready_pods=["p1"])),
    ],
    ids=["stopped", "not ready", "its pods"],
)
def test_what_is_down_on_purpose_is_no_cause(broken: Seen) -> None:
    assert causes(broken)
    assert causes(replace(broken, down="b"))
    assert causes(replace(broken, down="a")) == []


def test_only_foreign_rules_that_drop_what_is_forwarded_count() -> None:
    rules = (
        "*filter\n"
        "[0:0] -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP\n"
        "[0:0] -A FORWARD -j KUBE-FORWARD\n"
        "[7:420] -A FORWARD -d 10.0.0.5/32 -j DROP\n"
        "[0:0] -A INPUT -s 192.0.2.9/32 -j DROP\n"
    )
    assert look.drops(rules) == ["-A FORWARD -d 10.0.0.5/32 -j DROP"]


class Answering(Api):
    """An API that has no service of DNS, or none of what is asked for."""

    def __init__(self, error: LabError) -> None:
        self.error = error

    def get(self, path: str, query: Query = ()) -> Document:
        raise self.error


NOT_FOUND = RefusedError('endpoints "kube-dns" not found', 404, "NotFound")


def test_cluster_without_a_service_of_dns_has_no_ready_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(look, "gather", lambda *_given: SOUND.facts)
    lab = Lab(Answering(NOT_FOUND), Contract("", "", "", "", "", Stopped(), ()), "default")
    (found,) = look.diagnose(lab, [look.FailedOutcome()])
    assert [cause.id for cause in found] == ["dns-no-endpoint"]


@pytest.mark.parametrize(
    ("error", "identifier", "names"),
    [
        (RefusedError("The API answers 500", 500, ""), "api-refuses", "The API answers 500"),
        (LabError("no answer"), "api-down", "does not answer"),
    ],
)
def test_an_api_that_refuses_is_not_told_as_silent(
    error: LabError, identifier: str, names: str
) -> None:
    lab = Lab(Answering(error), Contract("", "", "", "", "", Stopped(), ()), "default")
    ((found,),) = look.diagnose(lab, [look.FailedOutcome()])
    assert found.id == identifier
    assert names in found.cause


@pytest.mark.parametrize(
    ("chain", "dropped"),
    [
        (":FORWARD DROP [7:420]", 7),
        (":FORWARD ACCEPT [7:420]", None),
        (":INPUT DROP [7:420]", None),
    ],
)
def test_policy_of_what_is_forwarded_is_read_with_its_counter(
    chain: str, dropped: int | None
) -> None:
    assert look.policy_dropped(f"*filter\n{chain}\n") == dropped


@pytest.mark.parametrize(
    ("counter", "exit_code", "drops"),
    [(8, 124, True), (7, 124, False), (8, 1, False), (8, 0, False)],
    ids=["dropped", "silent by itself", "refused", "accepted"],
)
def test_policy_is_a_cause_only_where_it_is_seen_to_drop(
    monkeypatch: pytest.MonkeyPatch, counter: int, exit_code: int, drops: bool
) -> None:
    counters = iter([7, 7, counter])

    def answer(argv: list[str], **_options: object) -> Completed:
        if "iptables-save" in argv:
            return Completed((), 0, f"*filter\n:FORWARD DROP [{next(counters)}:420]\n", "", 0.0)
        return Completed((), exit_code if "peer" in argv else 0, "", "", 0.0)

    monkeypatch.setattr(look, "run", answer)
    facts = Facts(pods={"p1": PodInfo(name="p1", ip="10.0.0.5", node="a", phase="Running")})
    entries = {"a": ("own",), "b": ("peer",)}
    assert look.inside("a", entries, facts).drops_the_rest == drops


def test_silence_is_not_laid_to_what_is_down_on_purpose() -> None:
    contract = Contract("", "", "", "", "", Stopped(), (Node("a", "192.0.2.2", Stopped()),))
    lab = Lab(Answering(LabError("no answer")), contract, "default")
    found = look.diagnose(lab, [look.FailedOutcome(), look.FailedOutcome(down="a")])
    assert [[cause.id for cause in each] for each in found] == [["node-down"], ["api-down"]]


def test_lab_is_looked_into_once_for_all_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent API is waited for, which for each of many outcomes would take minutes."""
    looks: list[object] = []

    def gather(*given: object) -> Facts:
        looks.append(given)
        return SOUND.facts

    monkeypatch.setattr(look, "gather", gather)
    lab = Lab(Answering(NOT_FOUND), Contract("", "", "", "", "", Stopped(), ()), "default")
    assert len(look.diagnose(lab, [look.FailedOutcome()] * 3)) == 3
    assert len(looks) == 1
    assert look.diagnose(lab, []) == []
    assert len(looks) == 1
