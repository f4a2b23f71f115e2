"""The verdict of a run, out of the verdicts of its tasks."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import exit_status
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.verdicts import (
    earlier,
    failed,
    gathered,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.verdicts import told as line


def told(name: str, verdict: str) -> dict[str, Any]:
    return {"id": name, "verdict": verdict, "title": "t", "reason": "r"}


def test_verdicts_add_up() -> None:
    first = gathered({}, [told("A", "pass"), told("B", "skip")])
    second = gathered(earlier({"ansible_facts": {"outcomes_results": first}}), [told("C", "fail")])
    assert {name: entry["verdict"] for name, entry in second.items()} == {
        "A": "pass",
        "B": "skip",
        "C": "fail",
    }
    assert failed(second) == ["C"]


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("fail", "pass", "fail"),
        ("pass", "fail", "fail"),
        ("skip", "pass", "skip"),
        ("skip", "fail", "fail"),
        ("pass", "pass", "pass"),
    ],
)
def test_the_worse_of_two_counts(before: str, after: str, kept: str) -> None:
    both = gathered(gathered({}, [told("A", before)]), [told("A", after)])
    assert both["A"]["verdict"] == kept


def test_the_likely_cause_is_told() -> None:
    report = told("A", "fail") | {"diagnosis": [{"cause": "B is down.", "fix": "Start it."}]}
    assert line("A", gathered({}, [report])["A"]) == "A t: r Likely cause: B is down."
    assert line("A", gathered({}, [told("A", "fail")])["A"]) == "A t: r"


def test_a_run_without_any_has_none() -> None:
    assert earlier({}) == {}
    assert earlier({"ansible_facts": None}) == {}


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
