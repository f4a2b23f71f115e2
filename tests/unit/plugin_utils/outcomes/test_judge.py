"""Verdicts: what passes, and above all what doesn't."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import Document
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.judge import (
    Course,
    judge,
    paths,
    report,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.observation import Observation
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OutcomeResult,
    ProbeResult,
)
from tests.unit.plugin_utils.outcomes.answers import Given, answer, observed

PAGE: Document = {
    "id": "X1",
    "title": "A page is there",
    "probes": {"page": {"from": "host", "http": "http://10.0.0.1/"}},
    "expect": ["probes.page.status == `200`"],
    "expected": "HTTP 200",
    "observed": "HTTP ${probes.page.status}",
}
CLOSED: Document = {
    **PAGE,
    "probes": {
        "page": {"from": "host", "http": "http://10.0.0.1/", "want": "refused"},
        "other": {"from": "pod/p2", "http": "http://10.0.0.1/"},
    },
    "expect": ["probes.page.reason == 'refused'"],
    "control": [{"that": "probes.other.ok", "otherwise": "The other pod gets nothing either."}],
    "observed": "${probes.page.reason}",
}


def seen(variables: Document | None = None, **probes: Given) -> Observation:
    known = {"pods": {"p1": {"ip": "10.0.0.1"}}, "vars": variables or {}}
    return observed(known, probes)


def test_what_holds_passes() -> None:
    verdict = judge(OutcomeEntry.model_validate(PAGE), seen(page=answer(status=200)))
    assert (verdict.verdict, verdict.reason) == ("pass", "")


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (answer(status=500), "on the left 500, on the right 200"),
        (answer(), "probes.page.status is missing"),
        (answer("timeout"), "expected ok, got timeout from `host$ curl`: what it printed"),
        (answer("not_run", output=""), "got not_run from `host$ curl`: it printed nothing"),
        (answer("no_tool"), "got no_tool"),
        (answer("ok", status=404), "on the left 404"),
    ],
)
def test_what_does_not_hold_fails_and_says_why(page: ProbeResult, why: str) -> None:
    verdict = judge(OutcomeEntry.model_validate(PAGE), seen(page=page))
    assert verdict.verdict == "fail"
    assert why in verdict.reason


def test_a_refusal_with_its_control_passes() -> None:
    verdict = judge(
        OutcomeEntry.model_validate(CLOSED), seen(page=answer("refused"), other=answer())
    )
    assert verdict.verdict == "pass"


@pytest.mark.parametrize("other", ["refused", "timeout", "not_run", "no_tool"])
def test_a_refusal_without_its_control_fails(other: str) -> None:
    document = seen(page=answer("refused"), other=answer(other))
    verdict = judge(OutcomeEntry.model_validate(CLOSED), document)
    assert verdict.verdict == "fail"
    assert verdict.reason.startswith("The control failed, so nothing is proven: The other pod")
    assert f"other: expected ok, got {other} from `host$ curl`" in verdict.reason


def test_the_same_wrong_answer_is_told_once() -> None:
    page = [answer("refused"), answer("timeout"), answer("refused"), answer()]
    reason = judge(OutcomeEntry.model_validate(PAGE), seen(page=page)).reason
    assert reason.count("got refused 2 times from `host$ curl`") == 1
    assert reason.count("got refused") == 1
    assert "got timeout from `host$ curl`" in reason


@pytest.mark.parametrize("reason", ["ok", "timeout", "no_route", "not_run", "no_tool", "error"])
def test_a_refusal_for_another_reason_fails(reason: str) -> None:
    verdict = judge(OutcomeEntry.model_validate(CLOSED), seen(page=answer(reason), other=answer()))
    assert verdict.verdict == "fail"
    assert f"got {reason}" in verdict.reason


def test_nothing_that_was_seen_passes() -> None:
    for entry in (PAGE, CLOSED):
        assert judge(OutcomeEntry.model_validate(entry), seen()).verdict == "fail"


def test_a_probe_that_asked_nobody_fails() -> None:
    entry = {**PAGE, "expect": ["pods.p1.ip == '10.0.0.1'"]}
    verdict = judge(OutcomeEntry.model_validate(entry), seen(page=[]))
    assert verdict.verdict == "fail"
    assert "'page' asked nothing" in verdict.reason


def test_one_wrong_answer_of_many_fails() -> None:
    outcome = OutcomeEntry.model_validate({**PAGE, "expect": ["length(probes.page) == `2`"]})
    assert judge(outcome, seen(page=[answer(), answer()])).verdict == "pass"
    assert judge(outcome, seen(page=[answer(), answer("timeout")])).verdict == "fail"


def test_what_the_provider_can_t_make_is_skipped() -> None:
    page = answer("unavailable", output="This provider has no lab host.")
    verdict = judge(OutcomeEntry.model_validate(PAGE), seen(page=page))
    assert (verdict.verdict, verdict.reason) == ("skip", "This provider has no lab host.")


def test_a_timeout_on_a_busy_machine_proves_nothing_yet() -> None:
    """Neither if an answer is wanted, nor if silence is."""
    late = answer("too_slow", output="No answer in 2 s.")
    silent = {**CLOSED, "probes": {**CLOSED["probes"]}}
    silent["probes"]["page"] = {"from": "host", "http": "http://10.0.0.1/", "want": "timeout"}
    for entry in (PAGE, silent):
        outcome = OutcomeEntry.model_validate(entry)
        verdict = judge(outcome, seen(page=late, other=answer()))
        assert (verdict.verdict, verdict.early) == ("skip", True)
        assert "This machine is too busy to say." in verdict.reason


def test_a_rule_for_skipping() -> None:
    rule = {"when": "length(pods) == `1`", "reason": "One pod (${keys(pods)}) is too few."}
    outcome = OutcomeEntry.model_validate({**PAGE, "skip": [rule]})
    verdict = judge(outcome, seen(page=answer(status=200)))
    assert (verdict.verdict, verdict.reason) == ("skip", "One pod (p1) is too few.")


def test_a_value_that_was_not_handed_over_fails() -> None:
    outcome = OutcomeEntry.model_validate({**PAGE, "vars": {"before": None}})
    verdict = judge(outcome, seen({"before": None}, page=answer(status=200)))
    assert verdict.verdict == "fail"
    assert "'before'" in verdict.reason


HANDED: Document = {**PAGE, "vars": {"left": None}, "evidence": ["left"]}


def test_what_a_step_before_printed_is_evidence() -> None:
    left = {
        "command": "kubectl get pods",
        "stdout": "p1\n",
        "stderr": "",
        "rc": 0,
        "changed": False,
    }
    told = reported(HANDED, seen({"left": left}, page=answer(status=200)))
    assert told.verdict == "pass"
    first, second = told.evidence
    assert (first.command, first.output, first.reason) == ("kubectl get pods", "p1", "ok")
    assert second.command == "host$ curl"


@pytest.mark.parametrize("left", ["p1", {"command": "kubectl get pods"}, ["kubectl"]])
def test_what_is_no_command_of_a_step_before_fails(left: Any) -> None:
    told = reported(HANDED, seen({"left": left}, page=answer(status=200)))
    assert told.verdict == "fail"
    assert told.reason == "The previous step did not hand over a command as 'left'."


def test_what_to_say_when_it_does_not_hold() -> None:
    expect = [{"that": "pods.p1.ip == '10.0.0.2'", "otherwise": "p1 has ${pods.p1.ip}."}]
    outcome = OutcomeEntry.model_validate({**PAGE, "expect": expect})
    verdict = judge(outcome, seen(page=answer(status=200)))
    assert verdict.reason.startswith("p1 has 10.0.0.1. (pods.p1.ip == '10.0.0.2': on the left")


def test_the_report_of_an_outcome() -> None:
    outcome = OutcomeEntry.model_validate({**PAGE, "false_alarm": "1e-6"})
    document = seen(page=answer(status=200))
    course = Course(attempts=2, retried=["0.1 s: late"], waited=1.23456, moment=3)
    told = report(outcome, judge(outcome, document), document, course)
    assert told.id == "X1"
    assert (told.verdict, told.reason) == ("pass", "")
    assert (told.expected, told.observed) == ("HTTP 200", "HTTP 200")
    assert (told.attempts, told.waited_s, told.false_alarm) == (2, 1.235, "1e-6")
    assert (told.retried, told.moment) == (["0.1 s: late"], 3)
    (evidence,) = told.evidence
    assert evidence.command == "host$ curl"
    assert evidence.output == "what it printed"


def test_an_outcome_takes_its_waits_and_its_longest_probe() -> None:
    outcome = OutcomeEntry.model_validate(PAGE)
    both = seen(page=[answer(duration_s=0.4), answer(duration_s=0.2)])
    assert report(outcome, judge(outcome, both), both, Course()).duration_s == 0.4
    waited = report(outcome, judge(outcome, both), both, Course(attempts=2, waited=1.5))
    assert waited.duration_s == 1.9


def reported(entry: Document, document: Observation) -> OutcomeResult:
    outcome = OutcomeEntry.model_validate(entry)
    return report(outcome, judge(outcome, document), document, Course())


def test_the_report_of_many_answers_shows_each_probe_and_each_answer() -> None:
    asked = ("many", "closed", "last")
    entry = {**CLOSED, "probes": {name: {"from": "host", "tcp": "a:1"} for name in asked}}
    entry["probes"]["closed"]["want"] = "refused"
    entry["control"] = entry["expect"] = ["probes.last.ok"]
    many = [answer(output=f"of {pod}") for pod in ["p1"] * 20 + ["p3"] * 20]
    closed = [answer("refused", output="no") for _ in range(4)]
    closed.append(answer("timeout", output="late"))
    told = reported(entry, seen(many=many, closed=closed, last=answer(output="the last")))
    shown = [each.output for each in told.evidence]
    assert len(shown) == 12
    assert shown[0] == "late", "what is wrong comes first"
    assert {"of p1", "of p3", "no", "the last"} <= set(shown)


def test_the_report_shows_each_of_more_probes_than_it_shows_answers() -> None:
    probes = {f"p{number}": {"from": "host", "tcp": "a:1"} for number in range(14)}
    answers: dict[str, Given] = {name: [answer(output=name) for _ in range(3)] for name in probes}
    told = reported(
        {**PAGE, "probes": probes, "expect": ["probes.p1[0].ok"]}, observed({}, answers)
    )
    assert [each.output for each in told.evidence] == list(probes)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("log", "(99 characters before this are left out)\n" + "b" * 3901 + "c" * 99),
        ("http", "a" * 99 + "b" * 3901 + "\n(99 characters after this are left out)"),
    ],
)
def test_what_is_cut_is_marked(kind: str, shown: str) -> None:
    output = "a" * 99 + "b" * 3901 + "c" * 99
    told = reported(PAGE, seen(page=answer(kind=kind, output=output)))
    assert told.evidence[0].output == shown


def test_what_is_short_is_not_cut() -> None:
    told = reported(PAGE, seen(page=answer(status=200, output="x" * 4000)))
    assert told.evidence[0].output == "x" * 4000


def test_the_report_of_many_answers_shows_the_wrong_ones() -> None:
    outcome = OutcomeEntry.model_validate(PAGE)
    document = seen(page=[answer() for _ in range(30)] + [answer("timeout", output="late")])
    told = report(outcome, judge(outcome, document), document, Course())
    assert told.probes == 31
    assert len(told.evidence) == 12
    assert told.evidence[0].output == "late"


def test_paths_come_from_the_probes_that_traced_one() -> None:
    hop = {"ttl": 1, "address": "10.9.1.2", "owner": "pod/p2", "interface": "eth0"}
    start = {"from": "pod/p1/p1-c2"}
    traced = answer(kind="path", **start, target="10.9.1.2", hops=[hop])
    nowhere = answer("timeout", "path", **start, target="10.9.1.2", hops=[])
    (found,) = paths([answer(), traced, nowhere])
    assert (found.from_, found.target, found.arrived) == ("pod/p1/p1-c2", "10.9.1.2", True)
    assert [each.plain() for each in found.hops] == [
        {"address": "10.9.1.2", "owner": "pod/p2", "interface": "eth0"}
    ]
