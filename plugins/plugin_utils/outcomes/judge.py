"""Verdicts. Pure functions: an outcome and what was seen in, a verdict out.

Nothing passes without an answer: an outcome fails if a control fails, a fact is missing, a probe
never ran, or an expression yields anything but true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeGuard

from pydantic import ValidationError

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    Document,
    compiled,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.templates import template
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import (
    Expectation,
    OutcomeEntry,
    ProbeEntry,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.flows import flows
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.observation import (
    Observation,
    Probed,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.readers import (
    TOO_SLOW,
    UNAVAILABLE,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OK,
    Evidence,
    Matrix,
    OutcomeResult,
    PathYield,
    ProbeResult,
    TracedPath,
    Verdict,
)

_SHOWN = 12
_OUTPUT = 4000


@dataclass(frozen=True)
class Judgement:
    """A verdict; ``reason`` says why it isn't pass. ``early`` is one that time may change."""

    verdict: Verdict
    reason: str = ""
    early: bool = False


@dataclass(frozen=True)
class Course:
    """How an outcome came to its verdict.

    Args:
        attempts: how many times it was probed.
        retried: why the attempts before the last did not settle it.
        waited: seconds until the last attempt began.
        moment: which of the kept facts judged it; None if there were none.
    """

    attempts: int = 1
    retried: Sequence[str] = ()
    waited: float = 0.0
    moment: int | None = None


def judge(outcome: OutcomeEntry, seen: Observation) -> Judgement:
    """The verdict on an outcome."""
    document, variables = seen.document, seen.variables
    for rule in outcome.skip:
        if compiled(rule.when).holds(document)[0]:
            return Judgement(Verdict.SKIP, template(rule.reason).text(document))
    if missing := _not_handed_over(outcome, variables):
        return Judgement(Verdict.FAIL, f"The previous step did not hand over {missing}.")
    skipped = _skipped(outcome, seen)
    if skipped is not None:
        return skipped
    wrong = [
        fault
        for name, entry in outcome.probes.items()
        for fault in _unwanted(name, entry, seen.probes.get(name, ()))
    ]
    controls = list(_unmet(outcome.control, document))
    if controls:
        first = [f"The control failed, so nothing is proven: {controls[0]}", *wrong[:1]]
        return Judgement(Verdict.FAIL, " ".join(first))
    wrong += _unmet(outcome.expect, document)
    return Judgement(Verdict.FAIL, " ".join(wrong[:4])) if wrong else Judgement(Verdict.PASS)


def _not_handed_over(outcome: OutcomeEntry, variables: Mapping[str, Any]) -> str:
    """What an earlier step owes the outcome; empty if nothing is missing."""
    for name, value in outcome.vars.items():
        if value is None and variables.get(name) is None:
            return repr(name)
    for name in outcome.evidence:
        if not _is_command(variables.get(name)):
            return f"a command as {name!r}"
    for name in outcome.matrices:
        if _matrix(variables.get(name)) is None:
            return f"a matrix as {name!r}"
    return ""


def _skipped(outcome: OutcomeEntry, seen: Observation) -> Judgement | None:
    """Why its probes don't judge an outcome here, or not yet; None if they do."""
    for name, results in seen.probes.items():
        for result in results:
            if result.reason == UNAVAILABLE and not outcome.probes[name].optional:
                return Judgement(Verdict.SKIP, result.output)
            if result.reason == TOO_SLOW:
                why = f"This machine is too busy to say. `{result.command}`: {result.output}"
                return Judgement(Verdict.SKIP, why, early=True)
    return None


def _unmet(expectations: list[Expectation], document: Document) -> Iterator[str]:
    """What to say about each expectation that isn't met."""
    for expectation in expectations:
        holds, why = compiled(expectation.that).holds(document)
        if not holds:
            otherwise = template(expectation.otherwise).text(document)
            yield f"{otherwise} ({why})." if otherwise else f"{why}."


def _unwanted(name: str, entry: ProbeEntry, results: Sequence[ProbeResult]) -> Iterator[str]:
    """What to say about each answer that isn't right."""
    if not results and not entry.optional:
        yield f"The probe {name!r} asked nothing."
    spared = {UNAVAILABLE} if entry.optional else set()
    wrong = [
        each for each in results if not entry.accepts(each.reason) and each.reason not in spared
    ]
    asked = Counter((result.command, result.reason) for result in wrong)
    examples = {(result.command, result.reason): result for result in reversed(wrong)}
    for (typed, reason), times in asked.items():
        said = (examples[typed, reason].output or "it printed nothing").strip().splitlines()[-1]
        often = f" {times} times" if times > 1 else ""
        yield (
            f"{name}: expected {' or '.join(entry.want)}, got {reason}{often} from "
            f"`{typed}`: {said[:200].rstrip('.')}."
        )


def report(
    outcome: OutcomeEntry, judgement: Judgement, seen: Observation, course: Course
) -> OutcomeResult:
    """An outcome as it is in the report, without the causes of a failure."""
    results = list(seen.results)
    longest = max((each.duration_s for each in results), default=0.0)
    return OutcomeResult(
        id=outcome.id,
        title=outcome.title,
        verdict=judgement.verdict,
        expected=template(outcome.expected).text(seen.document),
        observed=template(outcome.observed).text(seen.document) + seen.note,
        reason=judgement.reason,
        evidence=[
            *_handed_over(outcome, seen.variables),
            *map(_evidence, _telling(outcome.probes, seen.probes)),
        ],
        paths=paths(results),
        flows=flows(outcome, seen.probes, seen.facts) if seen.facts else [],
        matrices=handed_over(outcome, seen.variables),
        why=list(seen.why),
        probes=len(results),
        attempts=course.attempts,
        retried=list(course.retried),
        waited_s=round(course.waited, 3),
        duration_s=round(course.waited + longest, 3),
        moment=course.moment,
        false_alarm=outcome.false_alarm,
        article=outcome.article,
    )


def handed_over(outcome: OutcomeEntry, variables: Mapping[str, Any]) -> list[Matrix]:
    """The matrices that an earlier step handed over for the outcome."""
    return [found for name in outcome.matrices if (found := _matrix(variables.get(name)))]


def _matrix(value: Any) -> Matrix | None:
    """What ``latihan.lab.survey`` handed over; None if it is something else."""
    try:
        return Matrix.model_validate(value)
    except ValidationError:
        return None


def paths(results: Sequence[ProbeResult]) -> list[TracedPath]:
    """The paths that packets took, from the probes of the kind path."""
    return [
        TracedPath(
            from_=result.from_,
            target=result.target,
            arrived=result.ok,
            hops=[hop.shown for hop in result.yields.hops],
        )
        for result in results
        if isinstance(result.yields, PathYield) and result.yields.hops
    ]


def _evidence(result: ProbeResult) -> Evidence:
    return Evidence(
        kind=result.kind,
        from_=result.from_,
        target=result.target,
        command=result.command,
        output=_shortened(result.output, result.kind),
        reason=result.reason,
        exit_code=result.exit_code,
        duration_s=result.duration_s,
    )


def _is_command(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether it is what ``latihan.lab.kubectl`` returns."""
    return isinstance(value, Mapping) and {"command", "stdout", "stderr", "rc"} <= set(value)


def _handed_over(outcome: OutcomeEntry, variables: Mapping[str, Any]) -> list[Evidence]:
    """The commands that were run in earlier steps, as evidence."""
    values = [variables.get(name) for name in outcome.evidence]
    return [
        Evidence(
            kind="kubectl",
            command=each["command"],
            output=_shortened(f"{each['stdout']}{each['stderr']}".strip(), "kubectl"),
            reason=f"exit_{each['rc']}" if each["rc"] else OK,
            exit_code=each["rc"],
        )
        for each in values
        if _is_command(each)
    ]


def _shortened(output: str, kind: str) -> str:
    """The part of an output to show: its beginning, or a log's end, and how much is missing."""
    missing = len(output) - _OUTPUT
    if missing <= 0:
        return output
    if kind == "log":
        return f"({missing} characters before this are left out)\n{output[-_OUTPUT:]}"
    return f"{output[:_OUTPUT]}\n({missing} characters after this are left out)"


def _telling(entries: Mapping[str, ProbeEntry], probes: Probed) -> list[ProbeResult]:
    """The results to show: all if there are few, else some of each probe, wrong ones first."""
    asked = [result for results in probes.values() for result in results]
    if len(asked) <= _SHOWN:
        return asked
    right = {
        id(result): entries[name].accepts(result.reason)
        for name, results in probes.items()
        for result in results
    }
    rows = zip_longest(*(_ranked(results, right) for results in probes.values()))
    chosen = [result for row in rows for result in row if result is not None]
    shown = {id(result) for result in chosen[: max(_SHOWN, len(probes))]}
    return sorted(
        (result for result in asked if id(result) in shown), key=lambda result: right[id(result)]
    )


def _ranked(results: Sequence[ProbeResult], right: Mapping[int, bool]) -> list[ProbeResult]:
    """A probe's results: wrong ones first, and each answer once before any is repeated."""
    seen: Counter[tuple[str, str, str]] = Counter()
    ranks = {}
    for result in results:
        answer = (result.command, result.reason, result.output)
        ranks[id(result)] = (right[id(result)], seen[answer])
        seen[answer] += 1
    return sorted(results, key=lambda result: ranks[id(result)])
