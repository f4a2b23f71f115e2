"""Verdicts. Pure functions: an outcome and what was seen in, a verdict out.

Nothing passes for want of an answer: a control that fails, a fact that isn't there, a probe that
never ran and an expression that yields anything but true all fail the outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeGuard

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import compiled
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.templates import template
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import (
    ANY,
    Expectation,
    Outcome,
    ProbeEntry,
)

Document = dict[str, Any]

PASS, FAIL, SKIP = "pass", "fail", "skip"
_SHOWN = 12
_OUTPUT = 4000


@dataclass(frozen=True)
class Verdict:
    """``verdict`` is pass, fail or skip; ``reason`` says why it isn't pass."""

    verdict: str
    reason: str = ""


def judge(outcome: Outcome, document: Mapping[str, Any]) -> Verdict:
    """The verdict on an outcome.

    Args:
        outcome: the outcome.
        document: the facts, with ``probes`` (results by name; a list of them where the entry makes
            many), ``vars`` and ``before``.
    """
    for name, value in outcome.vars.items():
        if value is None and document["vars"].get(name) is None:
            return Verdict(FAIL, f"The step before did not hand over {name!r}.")
    for name in outcome.evidence:
        if not _is_command(document["vars"].get(name)):
            return Verdict(FAIL, f"The step before handed over no command and output as {name!r}.")
    for rule in outcome.skip:
        if compiled(rule.when).holds(document)[0]:
            return Verdict(SKIP, template(rule.reason).text(document))
    for result in _results(document["probes"]):
        if result["reason"] == "unavailable":
            return Verdict(SKIP, result["output"])
    wrong = [
        fault
        for name, entry in outcome.probes.items()
        for fault in _unwanted(name, entry, document["probes"].get(name))
    ]
    controls = list(_unmet(outcome.control, document))
    if controls:
        told = [f"The control failed, so nothing is proven: {controls[0]}", *wrong[:1]]
        return Verdict(FAIL, " ".join(told))
    wrong += _unmet(outcome.expect, document)
    return Verdict(FAIL, " ".join(wrong[:4])) if wrong else Verdict(PASS)


def _unmet(expectations: list[Expectation], document: Mapping[str, Any]) -> Iterator[str]:
    """What to say of each expectation that isn't met."""
    for expectation in expectations:
        holds, why = compiled(expectation.that).holds(document)
        if not holds:
            told = template(expectation.otherwise).text(document)
            yield f"{told} ({why})." if told else f"{why}."


def _unwanted(name: str, entry: ProbeEntry, results: Any) -> Iterator[str]:
    """What to say of each answer that isn't among those that are right."""
    found = list(_results({name: results}))
    if not found:
        yield f"The probe {name!r} asked nothing."
    wrong = [result for result in found if not _wanted(entry, result)]
    asked = Counter((result["command"], result["reason"]) for result in wrong)
    told = {(result["command"], result["reason"]): result for result in reversed(wrong)}
    for (typed, reason), times in asked.items():
        said = (told[typed, reason]["output"] or "it printed nothing").strip().splitlines()[-1]
        often = f" {times} times" if times > 1 else ""
        yield (
            f"{name}: expected {' or '.join(entry.want)}, got {reason}{often} from "
            f"`{typed}`: {said[:200].rstrip('.')}."
        )


def _wanted(entry: ProbeEntry, result: Document) -> bool:
    return ANY in entry.want or result["reason"] in entry.want


def _results(probes: Mapping[str, Any]) -> Iterator[Document]:
    for results in probes.values():
        if isinstance(results, list):
            yield from results
        elif results is not None:
            yield results


def report(
    outcome: Outcome,
    verdict: Verdict,
    document: Mapping[str, Any],
    *,
    attempts: int,
    duration: float,
) -> Document:
    """An outcome as it stands in the report.

    Args:
        outcome: the outcome.
        verdict: the verdict on it.
        document: what it was judged by.
        attempts: how often it was probed until the verdict.
        duration: seconds that it took.
    """
    results = list(_results(document["probes"]))
    evidence = _handed_over(outcome, document["vars"]) + [
        {
            "kind": result["kind"],
            "from": result["from"],
            "target": result["target"],
            "command": result["command"],
            "output": _shortened(result["output"], result["kind"]),
            "reason": result["reason"],
            "exit_code": result["exit_code"],
            "duration_s": result["duration_s"],
        }
        for result in _telling(outcome.probes, document["probes"])
    ]
    told: Document = {
        "id": outcome.id,
        "title": outcome.title,
        "expected": template(outcome.expected).text(document),
        "observed": template(outcome.observed).text(document),
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "evidence": evidence,
        "paths": paths(results),
        "why": list(document.get("why", [])),
        "probes": len(results),
        "attempts": attempts,
        "duration_s": round(duration, 3),
    }
    notes = {"false_alarm": outcome.false_alarm, "article": outcome.article}
    return told | {name: text for name, text in notes.items() if text}


def paths(results: list[Document]) -> list[Document]:
    """The ways that packets took, from the probes of kind path.

    Returns:
        For each its ``from``, its ``target``, whether it ``arrived``, and ``hops``: address,
        owner and interface, each None where nobody answered or nobody is known to have it.
    """
    return [
        {
            "from": result["from"],
            "target": result["target"],
            "arrived": result["ok"],
            "hops": [
                {name: hop.get(name) for name in ("address", "owner", "interface")}
                for hop in result["hops"]
            ],
        }
        for result in results
        if result.get("hops")
    ]


def _is_command(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether it is what ``latihan.lab.kubectl`` returns."""
    return isinstance(value, Mapping) and {"command", "stdout", "stderr", "rc"} <= set(value)


def _handed_over(outcome: Outcome, variables: Mapping[str, Any]) -> list[Document]:
    """The commands that were run in the steps before, as evidence."""
    given = [variables.get(name) for name in outcome.evidence]
    return [
        {
            "kind": "kubectl",
            "command": each["command"],
            "output": _shortened(f"{each['stdout']}{each['stderr']}".strip(), "kubectl"),
            "reason": f"exit_{each['rc']}" if each["rc"] else "ok",
            "exit_code": each["rc"],
        }
        for each in given
        if _is_command(each)
    ]


def _shortened(output: str, kind: str) -> str:
    """What of an output is shown: its beginning, or the end of a log, and how much is missing."""
    missing = len(output) - _OUTPUT
    if missing <= 0:
        return output
    if kind == "log":
        return f"({missing} characters before this are left out)\n{output[-_OUTPUT:]}"
    return f"{output[:_OUTPUT]}\n({missing} characters after this are left out)"


def _telling(entries: Mapping[str, ProbeEntry], probes: Mapping[str, Any]) -> list[Document]:
    """The results to show, wrong ones first: all of a few; of many some of each probe."""
    groups = {name: list(_results({name: found})) for name, found in probes.items()}
    asked = [result for group in groups.values() for result in group]
    if len(asked) <= _SHOWN:
        return asked
    right = {
        id(result): _wanted(entries[name], result)
        for name, group in groups.items()
        for result in group
    }
    rows = zip_longest(*(_ranked(group, right) for group in groups.values()))
    chosen = [result for row in rows for result in row if result is not None]
    shown = {id(result) for result in chosen[: max(_SHOWN, len(groups))]}
    return sorted(
        (result for result in asked if id(result) in shown), key=lambda result: right[id(result)]
    )


def _ranked(results: list[Document], right: Mapping[int, bool]) -> list[Document]:
    """A probe's results: wrong ones first, and each answer once before it is there again."""
    seen: Counter[tuple[str, str, str]] = Counter()
    ranks = {}
    for result in results:
        answer = (result["command"], result["reason"], result["output"])
        ranks[id(result)] = (right[id(result)], seen[answer])
        seen[answer] += 1
    return sorted(results, key=lambda result: ranks[id(result)])
