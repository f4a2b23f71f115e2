"""What changed between two runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OutcomeResult,
    TracedPath,
    Verdict,
)
from latihan.reports import meaning as meanings
from latihan.reports.models import Report

_NONE = "—"
_SAID = ("cause", "reason", "observed", "expected", "path")
_STATES = (
    "state",
    "service",
    "endpoints",
    "place",
    "labels",
    "container",
    "network",
    "link",
    "route",
    "system",
)


@dataclass(frozen=True)
class Difference:
    """One difference.

    Args:
        what: its kind: verdict, cell, cause, reason, observed, expected, path, version, provider,
            or a kind of the lab's states.
        name: what it is about: an outcome's id, or an owner such as ``pod/p1``.
        before: how it was in the first run; a dash if it wasn't there.
        after: how it was in the second run.
    """

    what: str
    name: str
    before: str
    after: str


def differences(old: Report, new: Report) -> list[Difference]:
    """The differences between two reports by their meaning, the most important first.

    What differs between any two runs isn't one: addresses, node ports, generated names and
    values, times. Neither is what an outcome observed, if it holds in both runs for the same
    expectation: the answers that it expects may come in any order and from any of its pods.

    Args:
        old: a report.
        new: another one.

    Returns:
        Verdicts first, new failures at their top; then who reached whom in a survey, why outcomes
        don't hold, what they expected, the ways of packets, the version, and the lab itself, by
        the last facts of each run.
    """
    found = sorted(_verdicts(old, new), key=lambda each: each.after != Verdict.FAIL)
    found += _cells(old, new)
    found += _outcomes(old, new)
    versions = [each.kubernetes_version for each in (old, new)]
    if all(versions):
        found += _differing("version", "Kubernetes", *versions)
    found += _differing("provider", "", old.provider, new.provider)
    # A run that never looked at the lab says nothing about it.
    if old.last and new.last:
        found += _labs(old, new, old.last, new.last)
    return found


def _verdicts(old: Report, new: Report) -> Iterator[Difference]:
    before, after = old.by_id, new.by_id
    for name in dict.fromkeys([*before, *after]):
        one, other = (
            each[name].verdict if name in each else "not checked" for each in (before, after)
        )
        yield from _differing("verdict", name, one, other)


def _cells(old: Report, new: Report) -> Iterator[Difference]:
    """Who reached whom in one run and not in the other; a sample is not compared with another."""
    before, after = (_words(each) for each in (old, new))
    for name in (each for each in before if each in after):
        yield from _differing("cell", name, before[name], after[name])


def _words(report: Report) -> dict[str, str]:
    return {
        f"{outcome.id} {matrix.title}: {cell.row} to {cell.column}": cell.reason
        for outcome in report.outcomes
        for matrix in outcome.matrices
        for cell in matrix.cells
    }


def _outcomes(old: Report, new: Report) -> Iterator[Difference]:
    before, after = old.by_id, new.by_id
    both = [
        (name, _said(old, before[name]), _said(new, after[name]))
        for name in before
        if name in after
    ]
    for what in _SAID:
        for name, one, other in both:
            yield from _differing(what, name, one.get(what), other.get(what))


def _said(report: Report, outcome: OutcomeResult) -> dict[str, str]:
    """What an outcome says, by its meaning."""
    holds = outcome.verdict is Verdict.PASS
    said = {
        "cause": outcome.cause.cause if outcome.cause else "",
        "reason": outcome.reason,
        "observed": "" if holds else outcome.observed,
        "expected": outcome.expected,
        "path": "; ".join(map(_way, outcome.paths)),
    }
    meaning = meanings.at(report, outcome.moment)
    return {what: meaning.text(text) for what, text in said.items()}


def _way(path: TracedPath) -> str:
    hops = [hop.owner or hop.address or "*" for hop in path.hops]
    return " → ".join([path.from_, *hops])


def _labs(old: Report, new: Report, before: Facts, after: Facts) -> Iterator[Difference]:
    one, other = (
        meanings.states(facts, meanings.at(report, report.last_moment))
        for report, facts in ((old, before), (new, after))
    )
    both = {aspect.owner for aspect in one} & {aspect.owner for aspect in other}
    told: set[str] = set()
    for what in _STATES:
        for aspect in dict.fromkeys([*one, *other]):
            # What is there in one run only is told once.
            if aspect.what == what and aspect.owner not in told:
                yield from _differing(what, aspect.name, one.get(aspect), other.get(aspect))
                told |= {aspect.owner} - both


def _differing(what: str, name: str, before: object, after: object) -> Iterator[Difference]:
    if before != after:
        shown = [_NONE if each in (None, "") else str(each) for each in (before, after)]
        yield Difference(what, name, *shown)
