"""The outcomes that tasks return, and how several results for one of them count. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """Whether an outcome holds; ``SKIP`` where it could not be checked."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SKIP = "skip"


_WEIGHT = {Verdict.SKIP: 0, Verdict.PASS: 1, Verdict.FAIL: 2}


@dataclass(frozen=True)
class Outcome:
    """One checked outcome; ``document`` is all that the check returned, ``duration`` in seconds."""

    id: str
    title: str
    verdict: Verdict
    expected: str
    observed: str
    reason: str
    duration: float
    document: Mapping[str, Any]


def outcomes_in(result: Mapping[str, Any]) -> Iterator[Outcome]:
    """The outcomes in a task's result, also in the items of a loop."""
    found = result.get("outcomes")
    if isinstance(found, list):
        yield from (outcome_of(each) for each in found if isinstance(each, dict) and "id" in each)
    items = result.get("results")
    if isinstance(items, list):
        for item in items:
            if isinstance(item, dict):
                yield from outcomes_in(item)


def facts_in(result: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The facts that a task's outcomes were judged by; None where it tells none."""
    found = result.get("facts")
    return found if isinstance(found, dict) and found and "outcomes" in result else None


def outcome_of(document: Mapping[str, Any]) -> Outcome:
    """One outcome from its document; a verdict that is none of the three counts as a failure."""
    verdict = str(document.get("verdict", ""))
    known = verdict in set(Verdict)
    reason = _line(document.get("reason"))
    return Outcome(
        id=str(document["id"]),
        title=_line(document.get("title")),
        verdict=Verdict(verdict) if known else Verdict.FAIL,
        expected=_line(document.get("expected")),
        observed=_line(document.get("observed")),
        reason=reason if known else f"the check gave no verdict ({verdict!r}) {reason}".strip(),
        duration=_seconds(document.get("duration_s")),
        document=document,
    )


def heavier(old: Outcome | None, new: Outcome) -> Outcome:
    """Which of two results for one outcome counts: any failure wins, a skip gives way."""
    if old is None or _WEIGHT[new.verdict] >= _WEIGHT[old.verdict]:
        return new
    return old


def by_id(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Outcomes in the order of their ids: P2 before P10."""
    return sorted(outcomes, key=lambda outcome: _natural(outcome.id))


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many outcomes have each verdict."""
    counts = {verdict.value: 0 for verdict in Verdict}
    for outcome in outcomes:
        counts[outcome.verdict.value] += 1
    return counts


def _line(value: object) -> str:
    return "" if value is None else str(value).strip()


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text)]
