"""Checking: how often is asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Execution
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Reach,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import Document
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import choose
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import checking
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.diagnosis.look import (
    Diagnosis,
    FailedOutcome,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry, load
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Probe
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import ProbeResult
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.sampling import NodeSampling
from tests.places import OUTCOME_FILES
from tests.unit.plugin_utils.outcomes.answers import answer


def outcome(**fields: Any) -> OutcomeEntry:
    return OutcomeEntry.model_validate(
        {
            "id": "X1",
            "title": "A page",
            "probes": {"page": {"from": "host", "http": "http://${pods.p1.ip}/"}},
            "expect": ["probes.page.status == `200`"],
            "expected": "HTTP 200",
            "observed": "HTTP ${probes.page.status}",
            **fields,
        }
    )


class Answers:
    """Stands in for the network: each round of probes gets the next of some statuses."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.asked: list[list[Probe]] = []

    def __call__(self, lab: Lab, probes: list[Probe], addresses: object) -> list[ProbeResult]:
        self.asked.append(list(probes))
        status = self.statuses.pop(0) if self.statuses else 500
        return [
            answer(name=probe.name, **{"from": str(probe.place)}, target=probe.text, status=status)
            for probe in probes
        ]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, known: Facts, contract: Contract) -> Lab:
    monkeypatch.setattr(facts, "gather", lambda *args, **options: known)
    monkeypatch.setattr(checking, "_PAUSE", 0.0)
    monkeypatch.setattr(
        checking, "diagnose", lambda lab, failures: [Diagnosis([]) for _ in failures]
    )
    return Lab(None, contract, "default")  # type: ignore[arg-type] # nothing is asked of the API


def test_it_is_asked_once_where_it_holds(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    answers = Answers(200)
    monkeypatch.setattr(checking, "probe_all", answers)
    (told,) = checking.check(lab, [outcome(within=30)], {}).results
    assert (told.verdict, told.attempts, told.retried) == ("pass", 1, [])
    assert len(answers.asked) == 1


@pytest.mark.parametrize(("factor", "rounds"), [(1, [3]), (40, [2, 1]), (1000, [1, 1, 1])])
def test_on_a_slow_machine_fewer_are_asked_at_once(
    monkeypatch: pytest.MonkeyPatch, lab: Lab, factor: float, rounds: list[int]
) -> None:
    choose(factor)
    answers = Answers(200, 200, 200)
    monkeypatch.setattr(checking, "probe_all", answers)
    three = [outcome(id=name) for name in ("X1", "X2", "X3")]
    checked = checking.check(lab, three, {})
    assert [told.id for told in checked.results] == ["X1", "X2", "X3"]
    assert [told.moment for told in checked.results] == [0, 0, 0]
    assert [len(asked) for asked in answers.asked] == rounds


def test_it_is_asked_again_within_its_time(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    monkeypatch.setattr(checking, "probe_all", Answers(500, 500, 200))
    (told,) = checking.check(lab, [outcome(within=30)], {}).results
    assert (told.verdict, told.attempts) == ("pass", 3)
    assert len(told.retried) == 2
    assert "on the left 500" in told.retried[0]


def test_it_is_never_asked_again_without_a_time(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    answers = Answers(500, 200)
    monkeypatch.setattr(checking, "probe_all", answers)
    (told,) = checking.check(lab, [outcome()], {}).results
    assert (told.verdict, told.attempts) == ("fail", 1)
    assert len(answers.asked) == 1


SAMPLED: Document = {
    "probes": {"page": {"from": "host", "http": "http://${pods.p1.ip}/", "count": 2}},
    "expect": ["every(&status == `200`, probes.page)"],
}


EACH_NODE: Document = {
    "probes": {"page": {"each": "values(nodes)", "from": "host", "icmp": "${item.name}"}},
    "expect": ["length(probes.page) == length(nodes)"],
    "observed": "${keys(nodes)}",
}


def test_of_a_large_cluster_a_sample_is_asked_and_told(
    monkeypatch: pytest.MonkeyPatch, lab: Lab, known: Facts
) -> None:
    nodes = {name: known.nodes["uji"].model_copy(update={"name": name}) for name in "abcdefgh"}
    large = known.model_copy(update={"nodes": {**known.nodes, **nodes}})
    homes = {pod.node for pod in known.pods.values() if pod.node}
    monkeypatch.setattr(facts, "gather", lambda *args, **options: large)
    monkeypatch.setattr(checking, "probe_all", Answers(*[200] * 5))

    def asked(seed: int, *, sampled: bool = True) -> tuple[set[str], str]:
        one = outcome(**EACH_NODE, sample_nodes=sampled)
        (told,) = checking.check(lab, [one], {}, NodeSampling(seed, most=4)).results
        assert told.verdict == "pass"
        names, _, note = told.observed.partition(" (")
        return set(names.split(", ")), note

    assert homes == set(known.nodes)
    names, note = asked(1)
    assert len(names) == 4
    assert names > homes
    assert note == f"4 of {len(large.nodes)} nodes asked, chosen by the seed 1)"
    assert asked(1) == (names, note)
    assert asked(2)[0] != names
    assert asked(1, sampled=False) == (set(large.nodes), "")


@pytest.mark.parametrize(
    ("statuses", "verdict", "attempts"),
    [
        ([200, 500], "pass", 1),  # Nothing was waited for.
        ([500, 200, 200], "pass", 3),
        ([500, 500, 200, 200, 500], "pass", 4),
        ([500, 200, 500, 200, 200], "fail", 3),
    ],
)
def test_a_sample_is_not_what_ended_the_wait(
    monkeypatch: pytest.MonkeyPatch, lab: Lab, statuses: list[int], verdict: str, attempts: int
) -> None:
    monkeypatch.setattr(checking, "probe_all", Answers(*statuses))
    (told,) = checking.check(lab, [outcome(within=30, **SAMPLED)], {}).results
    assert (told.verdict, told.attempts) == (verdict, attempts)
    held = [text for text in told.retried if "the next round was judged" in text]
    assert held == told.retried[-1:]


def test_a_sample_is_taken_even_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> None:
    clock = iter(range(0, 1000, 2))
    pauses: list[float] = []
    clockwork = SimpleNamespace(monotonic=lambda: next(clock), sleep=pauses.append)
    monkeypatch.setattr(checking, "time", clockwork)
    monkeypatch.setattr(checking, "probe_all", Answers(500, 200, 500))
    (told,) = checking.check(lab, [outcome(within=5, **SAMPLED)], {}).results
    assert (told.verdict, told.attempts) == ("fail", 3)
    assert len(pauses) == 1  # Before the sample there is nothing left to wait for.


def test_only_what_is_open_is_asked_again(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    answers = Answers(500, 200)
    monkeypatch.setattr(checking, "probe_all", answers)
    both = [outcome(within=30), outcome(id="X2")]
    first, second = checking.check(lab, both, {}).results
    assert (first.id, first.verdict, first.attempts) == ("X1", "pass", 2)
    assert (second.id, second.verdict, second.attempts) == ("X2", "fail", 1)
    assert [len(probes) for probes in answers.asked] == [2, 1]


def test_it_is_asked_twice_even_when_the_first_round_took_all_its_time(
    monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> None:
    clock = iter(range(0, 1000, 20))
    clockwork = SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _seconds: None)
    monkeypatch.setattr(checking, "time", clockwork)
    monkeypatch.setattr(checking, "probe_all", Answers(500, 200))
    (told,) = checking.check(lab, [outcome(within=5)], {}).results
    assert (told.verdict, told.attempts) == ("pass", 2)
    monkeypatch.setattr(checking, "probe_all", Answers(500, 500, 200))
    (told,) = checking.check(lab, [outcome(within=5)], {}).results
    assert (told.verdict, told.attempts) == ("fail", 2)


@pytest.mark.parametrize(
    ("load", "verdict", "attempts"), [(0.0, "fail", 2), (1000.0, "pass", 3), (1000.0, "fail", 4)]
)
def test_a_busy_machine_has_more_time(
    monkeypatch: pytest.MonkeyPatch, lab: Lab, load: float, verdict: str, attempts: int
) -> None:
    clock = iter(range(0, 1000, 5))
    clockwork = SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _seconds: None)
    monkeypatch.setattr(checking, "time", clockwork)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    answers = [500, 500, 200] if verdict == "pass" else [500] * 9
    monkeypatch.setattr(checking, "probe_all", Answers(*answers))
    (told,) = checking.check(lab, [outcome(within=5)], {}).results
    assert (told.verdict, told.attempts) == (verdict, attempts)


@pytest.mark.parametrize(
    ("standing", "settled", "attempts"),
    [(True, [True], 1), (True, [False, True], 2), (False, [True], 3)],
)
def test_failure_that_time_does_not_change_ends_the_wait_in_a_standing_lab(
    monkeypatch: pytest.MonkeyPatch, lab: Lab, standing: bool, settled: list[bool], attempts: int
) -> None:
    looks = iter(settled)
    monkeypatch.setattr(
        checking, "diagnose", lambda _lab, failed: [Diagnosis([], [], next(looks)) for _ in failed]
    )
    monkeypatch.setattr(checking, "_LOOKS_EVERY", 0.0)
    monkeypatch.setattr(checking, "probe_all", Answers(500, 500, 200))
    (told,) = checking.check(lab, [outcome(within=30)], {}, standing=standing).results
    assert (told.verdict, told.attempts) == ("fail" if standing else "pass", attempts)
    assert ("was not waited for" in str(told.why)) is standing


def test_what_can_t_be_probed_fails(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    answers = Answers(200)
    monkeypatch.setattr(checking, "probe_all", answers)
    gone = outcome(probes={"page": {"from": "host", "http": "http://${pods.p9.ip}/"}})
    (told,) = checking.check(lab, [gone], {}).results
    assert told.verdict == "fail"
    assert "pods.p9.ip is missing" in told.reason
    assert answers.asked == [[]]


def test_a_dead_cluster_fails_every_outcome(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    def dead(*_: Any, **__: Any) -> Facts:
        raise LabError("The cluster's API does not answer.")

    monkeypatch.setattr(facts, "gather", dead)
    (told,) = checking.check(lab, [outcome()], {}).results
    assert told.verdict == "fail"
    assert "does not answer" in told.reason


class Unshelled:
    """Stands in for the API of a cluster in whose pods nothing can be run."""

    def execute(self, *_call: object) -> Execution:
        return Execution("", "", None, "executable file `sh` not found in $PATH")

    def get(self, _path: str) -> Document:
        raise LabError("Nobody answers.")


@pytest.mark.parametrize(
    ("host", "verdict", "said"),
    [
        (Stopped(), "fail", "The control failed"),
        (Missing("Nobody has a host."), "skip", "Nobody has a host."),
    ],
)
def test_a_stopped_host_fails_what_only_a_missing_one_skips(
    lab: Lab, host: Reach, verdict: str, said: str
) -> None:
    (p2,) = (each for each in load([OUTCOME_FILES / "pods.yml"]) if each.id == "P2")
    there = replace(lab.contract, host=host, nodes=(), tools=("tools",))
    place = Lab(Unshelled(), there, "default")  # type: ignore[arg-type]
    (told,) = checking.check(place, [p2], {}).results
    assert told.verdict == verdict
    assert told.reason.startswith(said)


def test_values_of_the_steps_before(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    monkeypatch.setattr(checking, "probe_all", Answers(200, 200))
    given = outcome(vars={"uid": None, "peer": "pod/p2"}, expect=["vars.uid == '7'"])
    (told,) = checking.check(lab, [given], {"uid": "7"}).results
    assert told.verdict == "pass"
    (told,) = checking.check(lab, [given], {}).results
    assert told.verdict == "fail"


@pytest.mark.parametrize(
    ("declared", "given", "down"),
    [
        ({}, {"down": "uji"}, ""),
        ({"down": None}, {}, ""),
        ({"down": None}, {"down": "uji"}, "uji"),
    ],
)
def test_a_diagnosis_is_told_which_node_is_down_on_purpose(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, declared: Document, given: Document, down: str
) -> None:
    told: list[str] = []

    def diagnose(_lab: Lab, failures: Sequence[FailedOutcome]) -> list[Diagnosis]:
        told.extend(failure.down for failure in failures)
        return [Diagnosis([]) for _ in failures]

    monkeypatch.setattr(checking, "probe_all", Answers(500))
    monkeypatch.setattr(checking, "diagnose", diagnose)
    checking.check(lab, [outcome(vars=declared)], given)
    assert told == [down]


def test_a_diagnosis_looks_at_what_the_outcome_is_about(
    lab: Lab, known: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[set[str]] = []

    def diagnose(_lab: Lab, failures: Sequence[FailedOutcome]) -> list[Diagnosis]:
        told.extend(set(failure.services) for failure in failures)
        return [Diagnosis([]) for _ in failures]

    monkeypatch.setattr(checking, "probe_all", Answers(500))
    monkeypatch.setattr(checking, "diagnose", diagnose)
    checking.check(lab, [outcome(expect=["endpoints.s1.ready == `[]`"])], {})
    assert told == [{"s1"}]


def test_each_outcome_keeps_the_facts_that_judged_it(
    lab: Lab, known: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is settled at once; the other a round later, when p3 is gone."""
    later = known.model_copy(update={"pods": {n: p for n, p in known.pods.items() if n != "p3"}})
    moments = iter([known, later])
    monkeypatch.setattr(facts, "gather", lambda *args, **options: next(moments))
    monkeypatch.setattr(checking, "probe_all", Answers(500, 200))
    sure = outcome(id="X2", probes={}, expect=["lab.profile == 'uji'"], observed="so it is")
    checked = checking.check(lab, [outcome(within=30), sure], {})
    assert [each.verdict for each in checked.results] == ["pass", "pass"]
    assert [checked.facts[each.moment or 0] for each in checked.results] == [later, known]
    assert len(checked.facts) == 2


def test_equal_facts_are_kept_once(lab: Lab, known: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "gather", lambda *args, **options: known.model_copy(deep=True))
    monkeypatch.setattr(checking, "probe_all", Answers(500, 200))
    checked = checking.check(lab, [outcome(within=30), outcome(id="X2")], {})
    assert [each.moment for each in checked.results] == [0, 0]
    assert checked.facts == [known]


def test_a_reread_outcome_is_judged_by_the_later_facts(
    lab: Lab, known: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = known.model_copy(update={"pods": {}})
    moments = iter([known, later])
    monkeypatch.setattr(facts, "gather", lambda *args, **options: next(moments))
    monkeypatch.setattr(checking, "probe_all", Answers(200))
    checked = checking.check(lab, [outcome(reread=True)], {})
    assert checked.facts == [later]


def test_an_outcome_does_not_take_as_long_as_others_of_its_task(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def probed(_lab: Lab, probes: list[Probe], _addresses: object) -> list[ProbeResult]:
        return [answer(status=200, duration_s=float(probe.text[-1])) for probe in probes]

    monkeypatch.setattr(checking, "probe_all", probed)
    asked = [
        outcome(id=f"X{n}", probes={"page": {"from": "host", "http": f"http://a:{n}"}})
        for n in (1, 7)
    ]
    checked = checking.check(lab, asked, {})
    assert [each.duration_s for each in checked.results] == [1.0, 7.0]
