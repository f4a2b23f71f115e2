"""What the page shows, taken from a report: order, groups and words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import verdicts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    Cause,
    Evidence,
    OutcomeResult,
    Verdict,
)
from latihan.base import durations
from latihan.base.exits import Exit
from latihan.reports.models import Report, StepRecord, TaskRecord
from latihan.reports.page.grids import Grid, grids
from latihan.reports.page.layout import layout
from latihan.reports.page.shapes import Picture
from latihan.reports.page.words import caption, drawn
from latihan.run.failures import OUTCOME, Failure

# The article's order, then the survey; an outcome of another name comes after them.
_SECTIONS = {
    "C": ("Cluster", "The nodes, and who reaches whom before anything runs on them."),
    "P": ("Pods", "What has an address, who reaches it, and by which path."),
    "S": ("Services", "One lasting name and address for pods that come and go."),
    "N": ("Network", "Who reaches whom, between all nodes, by every way."),
}
_OTHERS = ("More outcomes", "Those that this lab adds to the article's.")
_ID = re.compile(r"([CNPS])(\d+)")
_PROMPT = re.compile(r"(\S+\$) ")
# This many answers are shown at once; the rest of them are folded.
_ANSWERS = 4
_SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.SKIP: "○"}
_WORDS = {Verdict.PASS: "holds", Verdict.FAIL: "fails", Verdict.SKIP: "skipped"}


@dataclass(frozen=True)
class Answer:
    """A command that a person would type, how often it was run, and the different outputs.

    ``prompt`` says where it is typed, as in ``host$``.
    """

    prompt: str
    command: str
    times: int
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Item:
    """One outcome as the page shows it."""

    outcome: OutcomeResult
    anchor: str
    took: str
    picture: Picture | None
    captions: tuple[str, ...]
    grids: tuple[Grid, ...]
    answers: tuple[Answer, ...]
    more: tuple[Answer, ...]
    shown: int

    @property
    def sign(self) -> str:
        """Its verdict as a sign."""
        return _SIGNS[self.outcome.verdict]

    @property
    def word(self) -> str:
        """Its verdict as a word."""
        return _WORDS[self.outcome.verdict]


@dataclass(frozen=True)
class Section:
    """A part of the article with its outcomes."""

    name: str
    about: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Group:
    """Outcomes that fail for one cause; None if the cause is unknown."""

    cause: Cause | None
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Timed:
    """Something with its time in words."""

    of: StepRecord | TaskRecord
    took: str


@dataclass(frozen=True)
class Drawn(Timed):
    """A step with its place in the run: when it begins, in words, and from where it goes how far.

    These two are in percent of the run.
    """

    began: str
    left: float
    width: float


@dataclass(frozen=True)
class View:
    """The whole page."""

    report: Report
    headline: str
    verdict: str
    sign: str
    version: str
    started: str
    took: str
    spent: str
    sections: tuple[Section, ...]
    groups: tuple[Group, ...]
    failures: tuple[Failure, ...]
    picture: Picture | None
    steps: tuple[Drawn, ...]
    slowest: tuple[Timed, ...]


def view(report: Report) -> View:
    """What to show of a report."""
    items = [_item(outcome, report) for outcome in report.outcomes]
    failed = [item for item in items if item.outcome.verdict is Verdict.FAIL]
    failures = [each for each in report.failures if each.kind != OUTCOME]
    bad = bool(failures or failed or report.exit_code)
    return View(
        report=report,
        headline=_headline(report, failures),
        verdict="fail" if bad else "pass",
        sign="✗" if bad else "✓",
        version=_version(report),
        started=f"{report.started:%d %B %Y, %H:%M:%S} UTC",
        took=durations.text(report.duration_s),
        spent=durations.spent(report.spent_s.plain()),
        sections=tuple(_sections(items)),
        groups=tuple(_groups(failed)),
        failures=tuple(failures),
        picture=layout(report.last) if report.last else None,
        steps=tuple(_drawn(step, report.duration_s) for step in report.steps),
        slowest=tuple(Timed(task, durations.text(task.duration_s)) for task in report.slowest),
    )


def _version(report: Report) -> str:
    """The version of Kubernetes: the one that the run brought, else that of the nodes."""
    nodes = report.last.nodes.values() if report.last else ()
    seen = sorted({node.version for node in nodes if node.version})
    return report.kubernetes_version or ", ".join(seen) or "unknown"


def _headline(report: Report, failures: Sequence[Failure]) -> str:
    outcomes = report.by_id
    if report.exit_code is Exit.INTERRUPTED:
        return "Interrupted"
    if failures:
        return "A step failed" if len(failures) == 1 else f"{len(failures)} steps failed"
    proven = not verdicts.nothing_proven(outcomes)
    if report.exit_code and proven and not report.verdicts.fail:
        return "The run failed"
    return verdicts.summed(outcomes) if outcomes else "Done; no outcomes were checked"


def _item(outcome: OutcomeResult, report: Report) -> Item:
    moment, flows = report.at(outcome.moment), drawn(outcome.flows)
    answers = _answers(outcome.evidence)
    return Item(
        outcome=outcome,
        anchor="o-" + re.sub(r"[^A-Za-z0-9_-]", "-", outcome.id),
        took=durations.text(outcome.duration_s),
        picture=layout(moment, flows) if moment else None,
        captions=tuple(dict.fromkeys(caption(flow) for flow in flows)),
        grids=grids(outcome.matrices),
        answers=answers[:_ANSWERS],
        more=answers[_ANSWERS:],
        shown=sum(answer.times for answer in answers),
    )


def _answers(evidence: Iterable[Evidence]) -> tuple[Answer, ...]:
    """The evidence; a command that was run several times is shown once."""
    seen: dict[str, list[str]] = {}
    for each in evidence:
        seen.setdefault(each.command, []).append(each.output.rstrip())
    return tuple(
        Answer(
            *_prompted(command),
            len(outputs),
            tuple((text, outputs.count(text)) for text in dict.fromkeys(outputs)),
        )
        for command, outputs in seen.items()
    )


def _prompted(command: str) -> tuple[str, str]:
    """A command's prompt, and the command without it."""
    found = _PROMPT.match(command)
    return (found.group(1), command[found.end() :]) if found else ("$", command)


def _sections(items: Sequence[Item]) -> list[Section]:
    groups: dict[str, list[Item]] = {letter: [] for letter in [*_SECTIONS, ""]}
    for item in items:
        matched = _ID.fullmatch(item.outcome.id)
        groups[matched.group(1) if matched else ""].append(item)
    for letter in _SECTIONS:
        groups[letter].sort(key=lambda item: int(item.outcome.id[1:]))
    return [
        Section(*_SECTIONS.get(letter, _OTHERS), items=tuple(members))
        for letter, members in groups.items()
        if members
    ]


def _groups(failed: Sequence[Item]) -> list[Group]:
    """Failed outcomes by their likeliest cause; those without one come last."""
    causes: dict[str, list[Item]] = {}
    for item in failed:
        found = item.outcome.cause
        causes.setdefault(found.id if found else "", []).append(item)
    unknown = causes.pop("", [])
    groups = [Group(items[0].outcome.cause, tuple(items)) for items in causes.values()]
    return [*groups, Group(None, tuple(unknown))] if unknown else groups


def _drawn(step: StepRecord, whole: float) -> Drawn:
    """A step of a run that took so many seconds."""
    percent = 100 / max(whole, step.began_s + step.duration_s, 0.001)
    return Drawn(
        step,
        durations.text(step.duration_s),
        durations.text(step.began_s),
        round(percent * step.began_s, 2),
        round(percent * step.duration_s, 2),
    )
