"""The outcomes that tasks return. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OutcomeResult,
    Verdict,
)


def outcomes_in(result: Mapping[str, Any]) -> Iterator[tuple[OutcomeResult, Facts | None]]:
    """The outcomes in a task's result, also in the items of a loop.

    Returns:
        Each with the facts that judged it; None if the result doesn't have them.
    """
    found = result.get("outcomes")
    if isinstance(found, list):
        moments = _moments(result.get("facts"))
        for each in found:
            if isinstance(each, dict) and "id" in each:
                outcome = outcome_of(each)
                yield outcome, moments.get(outcome.moment)
    items = result.get("results")
    if isinstance(items, list):
        for item in items:
            if isinstance(item, dict):
                yield from outcomes_in(item)


def outcome_of(document: Mapping[str, Any]) -> OutcomeResult:
    """One outcome from its document; an invalid result counts as a failure."""
    try:
        return OutcomeResult.model_validate(document, extra="ignore")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        reason = (
            f"The check returned an invalid result: {where}: {first['msg']}, "
            f"not {first['input']!r}."
        )
        return OutcomeResult(
            # What isn't text (a lone surrogate) is no id either.
            id=str(document["id"]).encode(errors="backslashreplace").decode() or "?",
            title=str(document.get("title") or ""),
            verdict=Verdict.FAIL,
            expected=str(document.get("expected") or ""),
            observed=str(document.get("observed") or ""),
            reason=reason,
        )


def by_id(outcomes: Iterable[OutcomeResult]) -> list[OutcomeResult]:
    """Outcomes in the order of their ids: P2 before P10."""
    return sorted(outcomes, key=lambda outcome: _natural(outcome.id))


def _moments(given: object) -> Mapping[int | None, Facts]:
    """Facts by their index; invalid ones are left out."""
    found: dict[int | None, Facts] = {}
    for place, each in enumerate(given if isinstance(given, list) else []):
        try:
            found[place] = Facts.model_validate(each, extra="ignore")
        except ValidationError:
            continue
    return found


def _natural(text: str) -> list[tuple[int, str]]:
    """Text and numbers in turn; a number by its length, then its digits, however long it is."""
    parts = re.split(r"0*([0-9]+)", text)
    return [(len(part), part) if number % 2 else (0, part) for number, part in enumerate(parts)]
