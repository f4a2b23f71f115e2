"""The verdict of a run, out of the verdicts of its tasks."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import exit_status
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    Cause,
    OutcomeResult,
    Verdict,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.verdicts import (
    concluded,
    counting,
    earlier,
    gathered,
)


def result(name: str, verdict: str, **fields: Any) -> OutcomeResult:
    return OutcomeResult(id=name, verdict=Verdict(verdict), title="t", reason="r", **fields)


def test_verdicts_add_up() -> None:
    first = gathered({}, [result("A", "pass"), result("B", "skip")])
    handed_on = {name: each.plain() for name, each in first.items()}
    before = earlier({"ansible_facts": {"outcomes_results": handed_on}})
    second = gathered(before, [result("C", "fail")])
    assert {name: each.verdict for name, each in second.items()} == {
        "A": "pass",
        "B": "skip",
        "C": "fail",
    }


@pytest.mark.parametrize(("before", "after"), [*product(Verdict, Verdict)])
def test_any_fail_wins_and_else_what_was_proven(before: Verdict, after: Verdict) -> None:
    both = gathered(gathered({}, [result("A", before)]), [result("A", after)])
    wins = next(each for each in ("fail", "pass", "skip") if each in (before, after))
    assert both["A"].verdict == wins
    assert counting(result("A", before), result("A", after)).verdict == wins


def test_the_likely_cause_is_told() -> None:
    cause = Cause(id="down", cause="B is down.", fix="Start it.")
    standing = gathered({}, [result("A", "fail", diagnosis=[cause])])["A"]
    assert standing.told("A") == "A t: r Likely cause: B is down."
    assert gathered({}, [result("A", "fail")])["A"].told("A") == "A t: r"


def test_a_run_without_any_has_none() -> None:
    assert earlier({}) == {}
    assert earlier({"ansible_facts": None}) == {}


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ("pass", "The outcome holds."),
        ("pass pass", "All 2 outcomes hold."),
        ("pass skip pass", "2 of 3 outcomes hold, 1 was skipped: X2."),
        ("pass skip skip", "1 of 3 outcomes holds, 2 were skipped: X2, X3."),
    ],
)
def test_what_holds_is_told_with_what_was_skipped(verdicts: str, said: str) -> None:
    results = [result(f"X{n}", each) for n, each in enumerate(verdicts.split(), 1)]
    assert concluded(gathered({}, results)) == said


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ("", "Not checked: any outcome."),
        ("pass fail skip", "1 of 3 outcomes failed: X2."),
        ("fail", "The outcome failed: X1."),
        ("skip", "The outcome could not be checked: X1 (r)."),
        ("skip skip", "None of 2 outcomes could be checked: X1, X2 (r)."),
    ],
)
def test_what_is_not_proven_fails_the_run(verdicts: str, said: str) -> None:
    results = [result(f"X{n}", each) for n, each in enumerate(verdicts.split(), 1)]
    with pytest.raises(LabError) as caught:
        concluded(gathered({}, results))
    assert (caught.value.kind, caught.value.message) == (Kind.OUTCOME, said)


def test_an_outcome_that_had_to_be_checked_and_was_not() -> None:
    with pytest.raises(LabError, match=r"Not checked: B\."):
        concluded(gathered({}, [result("A", "pass")]), ["A", "B"])


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ('{"status": "Success"}', (0, "")),
        (
            '{"details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}',
            (3, ""),
        ),
        ('{"status": "Failure", "message": "no such container"}', (None, "no such container")),
        ("", (None, "")),
    ],
)
def test_how_a_command_in_a_container_ended(status: str, expected: tuple[int | None, str]) -> None:
    assert exit_status(status) == expected
