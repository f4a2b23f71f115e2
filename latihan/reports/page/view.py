"""What the page shows, taken from a report: order, groups and words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from latihan.base import durations
from latihan.base.exits import Exit
from latihan.reports.page.flows import flows_of, told
from latihan.reports.page.layout import layout
from latihan.reports.page.shapes import Picture

Document = Mapping[str, Any]

# The article's order; an outcome of another name comes after them.
_SECTIONS = {
    "C": ("Cluster", "The nodes, and who reaches whom before anything runs on them."),
    "P": ("Pods", "What has an address, who reaches it, and by which way."),
    "S": ("Services", "One lasting name and address for pods that come and go."),
}
_OTHERS = ("More outcomes", "Those that this lab adds of its own.")
_ID = re.compile(r"([CPS])(\d+)")
_PROMPT = re.compile(r"(\S+\$) ")
_FACTS = ("nodes", "pods", "services", "endpoints", "host", "addresses", "lab")
# This many answers are shown at once; the rest of them are folded.
_ANSWERS = 4
_SIGNS = {"pass": "✓", "fail": "✗", "skip": "○"}
_WORDS = {"pass": "holds", "fail": "fails", "skip": "skipped"}


@dataclass(frozen=True)
class Answer:
    """A command a person would type, how often it was run, and the different things it printed.

    ``prompt`` says where it is typed, as in ``host$``.
    """

    prompt: str
    command: str
    times: int
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Path:
    """A traced path in words; each hop has its owner, address and interface."""

    start: str
    arrived: bool
    hops: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Item:
    """One outcome as the page shows it."""

    id: str
    anchor: str
    title: str
    verdict: str
    sign: str
    word: str
    expected: str
    observed: str
    reason: str
    took: str
    attempts: int
    retried: tuple[str, ...]
    false_alarm: str
    article: str
    picture: Picture | None
    captions: tuple[str, ...]
    paths: tuple[Path, ...]
    why: tuple[Document, ...]
    diagnosis: tuple[Document, ...]
    answers: tuple[Answer, ...]
    more: tuple[Answer, ...]
    shown: int
    probes: int

    @property
    def brief(self) -> str:
        """What stands beside the title while the outcome is folded."""
        return self.observed if self.verdict == "pass" else self.reason or self.observed


@dataclass(frozen=True)
class Section:
    """A part of the article with its outcomes."""

    name: str
    about: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Group:
    """Outcomes that fail for one cause; the first of them tells it."""

    id: str
    cause: str
    fix: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class View:
    """The whole page."""

    headline: str
    verdict: str
    sign: str
    counts: Document
    total: int
    report: Document
    version: str
    started: str
    took: str
    spent: str
    sections: tuple[Section, ...]
    groups: tuple[Group, ...]
    failures: tuple[Document, ...]
    picture: Picture | None
    steps: tuple[Document, ...]
    slowest: tuple[Document, ...]


def view(report: Document) -> View:
    """What to show of a report; see its JSON Schema for what it holds."""
    moments = [known for known in report.get("facts") or [] if _whole(known)]
    items = [_item(outcome, report) for outcome in report["outcomes"]]
    failures = [each for each in report["failures"] if each["kind"] != "outcome"]
    counts = report["verdicts"]
    bad = bool(failures or counts["fail"] or report["exit_code"])
    return View(
        headline=_headline(report, failures),
        verdict="fail" if bad else "pass",
        sign="✗" if bad else "✓",
        counts=counts,
        total=len(items),
        report=report,
        version=_version(report, moments),
        started=_when(str(report["started"])),
        took=durations.text(float(report["duration_s"])),
        spent=durations.spent(report["spent_s"]),
        sections=tuple(_sections(items)),
        groups=tuple(_groups([item for item in items if item.verdict == "fail"])),
        failures=tuple(failures),
        picture=layout(moments[-1]) if moments else None,
        steps=tuple(_timed(report["steps"])),
        slowest=tuple(_timed(report["slowest"])),
    )


def _version(report: Document, moments: Sequence[Document]) -> str:
    """The version of Kubernetes: that which the run brought, or else that of the nodes."""
    nodes = moments[-1]["nodes"].values() if moments else ()
    seen = sorted({str(node["version"]) for node in nodes if node.get("version")})
    return str(report["kubernetes_version"] or ", ".join(seen) or "not told")


def _headline(report: Document, failures: Sequence[Document]) -> str:
    total, counts = len(report["outcomes"]), report["verdicts"]
    if report["exit_code"] == Exit.INTERRUPTED:
        return "Interrupted"
    if failures:
        return "A step failed" if len(failures) == 1 else f"{len(failures)} steps failed"
    if report["exit_code"] and not counts["fail"]:
        return "The run failed"
    return _verdict(total, counts)


def _verdict(total: int, counts: Document) -> str:
    if counts["fail"]:
        return f"{counts['fail']} of {total} outcomes {'fails' if counts['fail'] == 1 else 'fail'}"
    if counts["pass"] < total:
        return f"{counts['pass']} of {total} outcomes hold, none fails"
    many = {0: "Done; no outcomes were checked", 1: "The outcome holds"}
    return many.get(total, f"All {total} outcomes hold")


def _item(outcome: Document, report: Document) -> Item:
    verdict = str(outcome["verdict"])
    known = _moment(outcome, report)
    flows = flows_of(outcome, known) if known else []
    answers = _answers(_documents(outcome.get("evidence")))
    name = str(outcome["id"])
    return Item(
        id=name,
        anchor="o-" + re.sub(r"[^A-Za-z0-9_-]", "-", name),
        title=str(outcome["title"]),
        verdict=verdict,
        sign=_SIGNS.get(verdict, "?"),
        word=_WORDS.get(verdict, verdict),
        expected=str(outcome["expected"]),
        observed=str(outcome["observed"]),
        reason=str(outcome["reason"]),
        took=durations.text(float(outcome["duration_s"])),
        attempts=_whole_number(outcome.get("attempts")),
        retried=tuple(_texts(outcome.get("retried"))),
        false_alarm=str(outcome.get("false_alarm") or ""),
        article=str(outcome.get("article") or ""),
        picture=layout(known, flows) if known else None,
        captions=tuple(dict.fromkeys(told(flow) for flow in flows)),
        paths=tuple(_path(each) for each in _documents(outcome.get("paths"))),
        why=tuple(_documents(outcome.get("why"))),
        diagnosis=tuple(_documents(outcome.get("diagnosis"))),
        answers=answers[:_ANSWERS],
        more=answers[_ANSWERS:],
        shown=sum(answer.times for answer in answers),
        probes=_whole_number(outcome.get("probes")),
    )


def _moment(outcome: Document, report: Document) -> Document | None:
    """The facts that an outcome was judged by; None where the report has none of it."""
    place, facts = outcome.get("moment"), report.get("facts") or []
    if isinstance(place, int) and 0 <= place < len(facts) and _whole(facts[place]):
        found: Document = facts[place]
        return found
    return None


def _whole(facts: object) -> bool:
    return isinstance(facts, Mapping) and all(isinstance(facts.get(n), Mapping) for n in _FACTS)


def _path(path: Document) -> Path:
    return Path(
        start=str(path.get("from", "")),
        arrived=bool(path.get("arrived", True)),
        hops=tuple(
            (
                str(hop.get("owner") or "nobody known"),
                str(hop.get("address") or "no answer"),
                str(hop.get("interface") or ""),
            )
            for hop in _documents(path.get("hops"))
        ),
    )


def _answers(evidence: Iterable[Document]) -> tuple[Answer, ...]:
    """The evidence, with a command that was run often told once."""
    seen: dict[str, list[str]] = {}
    for each in evidence:
        output = str(each.get("output") or "").rstrip()
        seen.setdefault(str(each.get("command") or ""), []).append(output)
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
        matched = _ID.fullmatch(item.id)
        groups[matched.group(1) if matched else ""].append(item)
    for letter in _SECTIONS:
        groups[letter].sort(key=lambda item: int(item.id[1:]))
    return [
        Section(*_SECTIONS.get(letter, _OTHERS), items=tuple(members))
        for letter, members in groups.items()
        if members
    ]


def _groups(failed: Sequence[Item]) -> list[Group]:
    """Failed outcomes by their likeliest cause; those without one come last, each for itself."""
    causes: dict[str, list[Item]] = {}
    for item in failed:
        key = str(item.diagnosis[0].get("id") or "cause") if item.diagnosis else ""
        causes.setdefault(key, []).append(item)
    unknown = causes.pop("", [])
    found = [
        Group(
            name,
            str(members[0].diagnosis[0].get("cause") or ""),
            str(members[0].diagnosis[0].get("fix") or ""),
            tuple(members),
        )
        for name, members in causes.items()
    ]
    return [*found, Group("", "", "", tuple(unknown))] if unknown else found


def _timed(entries: Sequence[Document]) -> list[Document]:
    """Entries with their time in words, and its share of the longest in percent."""
    longest = max((float(entry["duration_s"]) for entry in entries), default=0.0)
    return [
        {
            **entry,
            "took": durations.text(float(entry["duration_s"])),
            "share": round(100 * float(entry["duration_s"]) / longest) if longest else 0,
        }
        for entry in entries
    ]


def _whole_number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _documents(value: object) -> list[Document]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _when(started: str) -> str:
    try:
        return f"{datetime.fromisoformat(started):%d %B %Y, %H:%M:%S} UTC"
    except ValueError:
        return started
