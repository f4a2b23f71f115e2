"""What a diagnosis says of a failure: what its packets meet first, then what else differs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
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
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.diagnosis import look
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import beyond, read
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Cause
from tests.unit.plugin_utils.outcomes.answers import answer
from tests.unit.plugin_utils.outcomes.path import sample
from tests.unit.plugin_utils.outcomes.path.sample import (
    FIRST,
    P1,
    P3,
    SECOND,
    with_rules,
)

DROPS = with_rules(("filter", "FORWARD -d 10.244.1.2/32 -j DROP"))
MASQUERADES = with_rules(("nat", "POSTROUTING -s 10.244.0.99/32 -j MASQUERADE"))


def failed(*asked: look.Asked, down: str = "", services: Sequence[str] = ()) -> look.FailedOutcome:
    return look.FailedOutcome(services, down, asked)


def page(start: str, target: str, *, wrong: bool = True, kind: str = "http") -> look.Asked:
    result = answer("timeout" if wrong else "ok", kind, target=target, **{"from": start})
    return look.Asked(result, True, wrong)


def causes(seen: World, outcome: look.FailedOutcome) -> list[Cause]:
    questions = look._questions(seen.cluster, outcome)
    return look.causes(seen, outcome, questions, beyond.departures(seen, outcome.down))


def test_sound_lab_has_no_cause() -> None:
    asked = [page("pod/p2", "http://s1/"), page("host", "http://192.168.49.2:31222/")]
    assert causes(sample.world(), failed(*asked, services=["s1", "np"])) == []


def test_no_cause_is_made_up_for_packets_of_ipv6() -> None:
    asked = [page("pod/p2", "[fd00::4]:80", kind="tcp"), page("pod/p2", "fd00::4", kind="icmp")]
    assert causes(sample.world(), failed(*asked)) == []


def test_what_the_packet_meets_comes_first_and_the_rest_is_told_apart() -> None:
    seen = sample.world({FIRST: DROPS, P1: MASQUERADES})
    found = causes(seen, failed(page("pod/p2", "http://s1/")))
    assert [(each.id, each.met) for each in found] == [
        ("policy-drops", True),
        ("foreign-rule", False),
    ]
    assert "FORWARD -d 10.244.1.2/32 -j DROP" in found[0].cause
    assert "iptables -t filter -D FORWARD -d 10.244.1.2/32" in found[0].fix
    assert found[0].place == FIRST


def test_what_wrong_answers_meet_comes_before_what_right_ones_meet() -> None:
    seen = sample.world({P3: with_rules(("filter", "INPUT -p icmp -j DROP")), FIRST: DROPS})
    right = page("node/latihan-m02", "10.244.1.2", wrong=False, kind="icmp")
    found = causes(seen, failed(right, page("pod/p2", "http://s1/")))
    assert [each.place for each in found] == [FIRST, "pod/p3"]


def test_small_link_is_a_cause_where_large_packets_fail_only() -> None:
    seen = sample.world(
        {
            FIRST: lambda network: replace(
                network, links={**network.links, "eth0": replace(network.links["eth0"], mtu=1400)}
            )
        }
    )
    small, large = (
        causes(seen, failed(page("pod/p1", "10.244.1.2", kind=kind))) for kind in ("icmp", "mtu")
    )
    assert [(each.id, each.met) for each in large] == [("mtu-too-large", True)]
    assert [(each.id, each.met) for each in small] == [("mtu-too-large", False)]


def unready(objects: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(objects)
    changed["nodes"][1]["status"]["conditions"] = [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
    ]
    return changed


def test_node_that_is_not_ready_is_named_unless_it_is_down_on_purpose() -> None:
    seen = sample.world(objects=unready(sample.items()))
    told = causes(seen, failed())
    # The sample's nodes have no API server, so what the node doesn't reach is named first.
    assert [each.id for each in told] == ["kube-apiserver-down", "node-down"]
    assert "latihan-m02 is not Ready: NodeStatusUnknown" in told[1].cause
    assert causes(seen, failed(down="latihan-m02")) == []


class Answering(Api):
    """An API that answers with an error."""

    def __init__(self, error: LabError) -> None:
        self.error = error

    def get(self, path: str, query: Query = ()) -> dict[str, Any]:
        raise self.error


def lab(error: LabError, *nodes: Node) -> Lab:
    return Lab(Answering(error), Contract("", "", "", "", "", Stopped(), nodes), "default")


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
    (diagnosis,) = look.diagnose(lab(error), [look.FailedOutcome()])
    (found,) = diagnosis.causes
    assert found.id == identifier
    assert names in found.cause


def test_silence_is_not_laid_to_what_is_down_on_purpose() -> None:
    silent = lab(LabError("no answer"), Node("a", "192.0.2.2", Stopped()))
    found = look.diagnose(silent, [look.FailedOutcome(), look.FailedOutcome(down="a")])
    assert [[cause.id for cause in each.causes] for each in found] == [["node-down"], ["api-down"]]


def test_lab_is_looked_into_once_for_all_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent API is waited for, which for each of many outcomes would take minutes."""
    looks: list[object] = []

    def objects(*given: object) -> dict[str, Any]:
        looks.append(given)
        return sample.items()

    monkeypatch.setattr(read, "objects", objects)
    anyone = lab(LabError(""), Node("latihan", "192.168.49.2", Stopped()))
    assert len(look.diagnose(anyone, [look.FailedOutcome()] * 3)) == 3
    assert len(looks) == 1
    assert look.diagnose(anyone, []) == []
    assert len(looks) == 1


def test_failure_that_nothing_explains_says_what_was_compared() -> None:
    seen = sample.world()
    asked = look._questions(seen.cluster, failed(page("pod/p2", "http://s1/")))
    (found,) = look.compared(seen, asked)
    assert found.sentence.startswith("pod/p2 -> tcp s1:80: names, translations, rules, routes")
    assert "pod/p3: port 80 listens, held by nginx" in found.lines


def test_web_server_that_is_reached_is_named_for_its_error() -> None:
    direct = page("pod/p1", "http://10.244.1.2/")
    asked = replace(direct, result=replace(direct.result, reason="http_503"))
    (found,) = causes(sample.world(), failed(asked))
    assert (found.id, found.place) == ("answers-with-an-error", "pod/p3")
    assert "error 503" in found.cause


@pytest.mark.parametrize(
    "never",
    [
        page("pod/p3", "http://10.244.0.4/"),
        page("", "p3/p3-c1", kind="log"),
        page("", "p3", kind="log"),
    ],
)
def test_probe_that_could_not_be_begun_is_laid_to_the_way_to_the_kubelet(never: look.Asked) -> None:
    seen = sample.world({SECOND: with_rules(("filter", "INPUT -p tcp --dport 10250 -j DROP"))})
    asked = replace(never, result=replace(never.result, reason="not_run"))
    (found,) = (each for each in causes(seen, failed(asked)) if each.met)
    assert (found.id, found.place) == ("policy-drops", SECOND)


def unserved(objects: dict[str, Any]) -> dict[str, Any]:
    """No endpoint is ready yet, which its controller may be about to change."""
    changed = copy.deepcopy(objects)
    changed["endpointslices"][0]["endpoints"] = []
    return changed


def reselected(objects: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(objects)
    changed["services"][0]["metadata"]["managedFields"] = [
        {"manager": "kubectl-patch", "fieldsV1": {"f:spec": {"f:sessionAffinity": {}}}}
    ]
    changed["services"][0]["spec"]["sessionAffinity"] = "ClientIP"
    return changed


HALF_GONE = [page("pod/p2", "http://s1/"), page("pod/p2", "http://s1/", wrong=False)]
ELSEWHERE = with_rules(("filter", "FORWARD -d 10.244.0.99/32 -j DROP"))


@pytest.mark.parametrize(
    ("seen", "asked", "settled"),
    [
        (sample.world({FIRST: DROPS}), HALF_GONE, True),
        # The rule explains one wrong answer, and nothing the other.
        (sample.world({FIRST: DROPS}), [*HALF_GONE, page("pod/p1", "http://10.244.0.3/")], False),
        (sample.world({FIRST: ELSEWHERE}), HALF_GONE, False),
        (sample.world(), HALF_GONE, False),
        (sample.world(objects=unserved(sample.items())), HALF_GONE, False),
        # A service that somebody has changed explains why one pod is never seen, not a refusal.
        (sample.world(objects=reselected(sample.items())), HALF_GONE[1:], True),
        (sample.world(objects=reselected(sample.items())), HALF_GONE, False),
        (sample.world({P3: lambda network: replace(network, listeners=())}), HALF_GONE, False),
    ],
)
def test_failure_is_settled_if_what_stays_explains_each_wrong_answer(
    seen: World, asked: Sequence[look.Asked], settled: bool
) -> None:
    outcome = failed(*asked)
    questions = look._questions(seen.cluster, outcome)
    assert look.settled(seen, outcome, questions) is settled
