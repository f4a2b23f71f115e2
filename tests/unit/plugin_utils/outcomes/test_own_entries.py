"""The lab's own outcomes, judged by what a lab would show in which they aren't so."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.templates import template
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry, load
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.judge import Judgement, judge
from tests.places import OUTCOME_FILES
from tests.unit.plugin_utils.outcomes.answers import Given, observed
from tests.unit.plugin_utils.outcomes.answers import answer as probe_answer

Document = dict[str, Any]

OUTCOMES = {outcome.id: outcome for outcome in load(sorted(OUTCOME_FILES.glob("*.yml")))}


def answer(reason: str = "ok", **fields: Any) -> Document:
    told = {"reason": reason, "ok": reason == "ok", "command": "typed", "output": "printed"}
    return told | fields


def restarted(phase: str) -> tuple[OutcomeEntry, Document]:
    """P12, and what it is judged by where a pod is in that phase after the start."""
    outcome = OUTCOMES["P12"]
    after = {
        "served": [],
        "pods": [
            {"name": "p1", "uid": "1", "phase": phase, "reason": "", "ready": False},
            {"name": "p2", "uid": "2", "phase": "Succeeded", "reason": "", "ready": False},
        ],
    }
    given = {
        "served_before": ["p1"],
        "ready_before": ["p1"],
        "old_uids": ["1", "2"],
        "after": after,
        "left": {"command": "typed", "stdout": "printed", "stderr": "", "rc": 0},
    }
    pods = {name: {"uid": f"new {name}", "ready": True} for name in ("p1", "p2", "p3")}
    probes = {"pods": answer(), "p1": answer(status=200)}
    return outcome, {"vars": outcome.vars | given, "pods": pods, "probes": probes}


def judged(phase: str) -> Judgement:
    """The verdict on P12 then."""
    outcome, document = restarted(phase)
    probes: dict[str, Given] = {
        "pods": probe_answer(kind="kubectl"),
        "p1": probe_answer(status=200),
    }
    return judge(outcome, observed(document, probes))


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_bare_pod_that_has_ended_does_not_come_back(phase: str) -> None:
    assert judged(phase).verdict == "pass"


@pytest.mark.parametrize("phase", ["Running", "Pending", "Unknown"])
def test_a_pod_that_is_not_ready_may_still_come_back(phase: str) -> None:
    verdict = judged(phase)
    assert verdict.verdict == "fail"
    assert f"They may start again: p1 {phase}, p2 Succeeded." in verdict.reason


def nodes(*, ready: bool) -> Document:
    """One node, as the facts have it."""
    return {"one": {"name": "one", "internal_ip": "10.0.0.1", "ready": ready}}


def seen(name: str, document: Document) -> str:
    """What the outcome says was observed."""
    return template(OUTCOMES[name].observed).text({"vars": {}, "probes": {}, **document})


def test_what_was_observed_of_another_lab_is_what_was_seen() -> None:
    pods = {"p1": {"uid": "9", "containers": {"p1-c1": {"restarts": 3}}}}
    gone = [answer(target="10.0.9.1")]
    told = {"lab": {"network": "10.0.0.0/24"}, "pods": pods, "vars": {"pods": ["1", "2"]}}
    assert seen("C4", {**told, "nodes": nodes(ready=False), "probes": {"gone": gone}}) == (
        "one 10.0.0.1 not Ready in 10.0.0.0/24; 0 of the 2 earlier pods are still there, with "
        "restarts 3; the other lab's nodes 10.0.9.1 ok"
    )
    assert "one 10.0.0.1 Ready in" in seen("C4", {**told, "nodes": nodes(ready=True)})


@pytest.mark.parametrize(("body", "told"), [("mine", "HTTP 200 with it"), ("", "HTTP 200 without")])
def test_what_was_observed_of_a_changed_page_is_what_was_seen(body: str, told: str) -> None:
    page = answer(status=200, body=body)
    given = {"mark": "mine", "changed": "mine", "old_uid": "1"}
    document = {"vars": given, "probes": {"page": page}, "pods": {"p1": {"uid": "1"}}}
    assert told in seen("P3", document)


def test_what_was_observed_of_pods_that_are_still_the_old_ones() -> None:
    _, document = restarted("Succeeded")
    document["pods"]["p1"]["uid"] = "1"
    document["probes"]["p1"] = answer("timeout")
    told = seen("P12", document)
    assert told.endswith("of the old UIDs 1 are left; p1: timeout")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([answer(status=200), answer(status=200)], "HTTP 200"),
        ([answer(status=200), answer("refused")], "HTTP 200, refused"),
        ([answer("timeout")], "HTTP timeout"),
    ],
)
def test_what_was_observed_of_a_service_is_what_was_seen(
    answers: list[Document], told: str
) -> None:
    assert seen("S5", {"probes": {"page": answers}}).endswith(told)


def test_what_was_observed_of_ports_is_what_was_seen() -> None:
    first = answer("refused", item={"name": "one"})
    second = answer(item={"name": "one"}, body="Ini adalah p2\n")
    services = {"s1": {"node_port": 1}, "s2": {"node_port": 2}}
    told = seen("S12", {"services": services, "probes": {"first": [first], "second": [second]}})
    assert told.endswith("at port 1 one refused, at port 2 one Ini adalah p2")
