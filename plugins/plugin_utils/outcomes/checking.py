"""Check outcomes on a live lab: facts, probes, verdicts, and again if one may take time."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    Document,
    ExpressionError,
    compiled,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts, moment_of
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import (
    crowding,
    factor,
    seconds,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.diagnosis.look import (
    Asked,
    FailedOutcome,
    diagnose,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.diagnosis.subjects import (
    services_of,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.filling import filled
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.judge import (
    Course,
    Judgement,
    handed_over,
    judge,
    report,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.observation import (
    Observation,
    documents,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.engine import probe_all
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Probe
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OK,
    Cell,
    OutcomeResult,
    ProbeResult,
    Verdict,
    Why,
    Yield,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.sampling import (
    EVERY_NODE,
    NodeSampling,
    narrowed,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why import collect

_PAUSE = 0.5
# How often to look, in seconds, whether there is anything to wait for.
_LOOKS_EVERY = 3.0
# How long to wait for a machine that is too busy to say anything.
_CALMS_WITHIN = 30.0
# How many outcomes to check at the same time on a machine that is fast enough: more than there are.
_AT_ONCE = 80
# The node whose loss an outcome is about: it is down on purpose, so it isn't a cause.
_DOWN = "down"
_STAYS = "It was not waited for any longer: nothing in a cluster changes what is wrong by itself."
_HELD = "It held, so the wait was over; the next round was judged."


@dataclass(frozen=True)
class Checked:
    """The results of outcomes, and the different facts that judged them.

    A result's ``moment`` is the place of its facts in ``facts``.
    """

    results: list[OutcomeResult]
    facts: list[Facts]


@dataclass(frozen=True)
class _Plan:
    """An outcome with its probes filled in; ``fault`` says why they couldn't be."""

    outcome: OutcomeEntry
    variables: Document
    probes: dict[str, list[Probe]] = field(default_factory=dict)
    fault: str = ""

    @property
    def all_probes(self) -> list[Probe]:
        """The probes, without their names."""
        return [probe for group in self.probes.values() for probe in group]


@dataclass(frozen=True)
class _Judged:
    """An outcome after a round: how it was asked, what was seen, and the verdict on it."""

    plan: _Plan
    seen: Observation
    judgement: Judgement

    @property
    def id(self) -> str:
        """The outcome's id."""
        return self.plan.outcome.id

    @property
    def failed(self) -> FailedOutcome:
        """What a diagnosis needs to know about it."""
        outcome = self.plan.outcome
        services = services_of(outcome, self.plan.all_probes, self.seen.facts or Facts())
        asked = [
            Asked(result, OK in entry.want, wrong=not entry.accepts(result.reason))
            for name, entry in outcome.probes.items()
            for result in self.seen.probes.get(name, ())
        ]
        asked += [
            Asked(_again(cell), wanted=cell.reason != OK, wrong=True)
            for matrix in handed_over(outcome, self.plan.variables)
            for cell in matrix.cells
            if cell.right is False and cell.from_
        ]
        return FailedOutcome(services, self.plan.variables.get(_DOWN) or "", asked)


def _again(cell: Cell) -> ProbeResult:
    """A cell of a matrix as the probe that would ask the same."""
    return ProbeResult(
        name="",
        kind=cell.kind,
        from_=cell.from_,
        target=cell.target,
        item=None,
        command="",
        output=cell.detail,
        exit_code=None,
        reason=cell.reason,
        ok=cell.reason == OK,
        duration_s=0.0,
        yields=Yield(),
    )


def check(
    lab: Lab,
    outcomes: Sequence[OutcomeEntry],
    variables: Mapping[str, Any],
    sampling: NodeSampling = EVERY_NODE,
    *,
    standing: bool = False,
) -> Checked:
    """Check outcomes, all at the same time; on a slow machine some after the others.

    There they would keep each other from answering in time.

    Args:
        lab: the lab.
        outcomes: the outcomes.
        variables: values for the outcomes' ``vars``.
        sampling: which nodes of a large cluster are asked.
        standing: whether nobody has just changed the lab; a failure is then not waited for any
            longer once it is known that time doesn't change it.

    Returns:
        A result for each outcome, in their order.
    """
    moments: list[Facts] = []
    left, size = iter(outcomes), max(1, int(_AT_ONCE / factor()))
    results: list[OutcomeResult] = []
    while some := list(itertools.islice(left, size)):
        results += _check_together(lab, some, variables, sampling, moments, standing=standing)
    return Checked(results, moments)


def _check_together(
    lab: Lab,
    outcomes: Sequence[OutcomeEntry],
    variables: Mapping[str, Any],
    sampling: NodeSampling,
    moments: list[Facts],
    *,
    standing: bool,
) -> list[OutcomeResult]:
    """A result for each outcome; facts that are new go to the end of ``moments``."""
    results: dict[str, OutcomeResult] = {}
    earlier: dict[str, list[tuple[float, str]]] = {}
    started = time.monotonic()
    open_ones, attempt, looked = list(outcomes), 0, -_LOOKS_EVERY
    while open_ones:
        attempt += 1
        waited = time.monotonic() - started if attempt > 1 else 0.0
        judged = _round(lab, open_ones, variables, sampling)
        passed = time.monotonic() - started
        reasons = {
            each.id: _not_yet(each.plan.outcome, each.judgement, passed, earlier.get(each.id, []))
            for each in judged
        }
        failed = [each for each in judged if each.judgement.verdict is Verdict.FAIL]
        if not standing or passed - looked < _LOOKS_EVERY:
            failed = [each for each in failed if not reasons[each.id]]
        looked = passed if failed else looked
        found_of = zip(failed, diagnose(lab, [each.failed for each in failed]), strict=True)
        diagnoses = {each.id: found for each, found in found_of}
        open_ones = []
        for each in judged:
            outcome, reason, found = each.plan.outcome, reasons[each.id], diagnoses.get(each.id)
            tries = earlier.setdefault(outcome.id, [])
            if reason and not (found and found.settled):
                open_ones.append(outcome)
                tries.append((passed, reason))
                continue
            retried = [f"{at:.1f} s: {why}" for at, why in tries]
            course = Course(attempt, retried, waited, moment_of(each.seen.facts, moments))
            told = report(outcome, each.judgement, each.seen, course)
            if found:
                why = [*told.why, *found.compared, *([Why(sentence=_STAYS)] if reason else [])]
                told = told.model_copy(update={"diagnosis": found.causes, "why": why})
            results[outcome.id] = told
        if any(earlier[outcome.id][-1][1] != _HELD for outcome in open_ones):
            time.sleep(_PAUSE)
    return [results[outcome.id] for outcome in outcomes]


def _not_yet(
    outcome: OutcomeEntry, judgement: Judgement, passed: float, tries: list[tuple[float, str]]
) -> str:
    """Why the outcome is checked once more; empty if the verdict stands.

    A wait that ended with the first sample that holds would choose its sample: a rule that refuses
    one connection in ten would pass in the end. So the sample is the round after the wait.

    What may take time is asked twice at least, and takes longer on a busy machine.
    """
    if tries and tries[-1][1] == _HELD:
        return ""
    if judgement.verdict is Verdict.FAIL:
        within = seconds(outcome.within) * crowding()
        waits = passed < within or (outcome.within and not tries)
        return judgement.reason if waits else ""
    if judgement.early:
        within = seconds(max(outcome.within, _CALMS_WITHIN)) * crowding()
        return judgement.reason if passed < within else ""
    return _HELD if tries and outcome.sampled and judgement.verdict is Verdict.PASS else ""


def _round(
    lab: Lab,
    outcomes: Sequence[OutcomeEntry],
    variables: Mapping[str, Any],
    sampling: NodeSampling,
) -> list[_Judged]:
    """Facts, probes and verdicts once, for all of these outcomes."""
    given = {outcome.id: _variables(outcome, variables) for outcome in outcomes}
    nonce = uuid.uuid4().hex
    try:
        before = facts.gather(lab.api, lab.contract, lab.namespace)
    except LabError as error:
        nothing, judgement = Observation({}), Judgement(Verdict.FAIL, str(error))
        return [_Judged(_Plan(each, given[each.id]), nothing, judgement) for each in outcomes]
    known = before.plain()
    names = sampling.chosen(before)
    told = sampling.told(names, before)

    def seen_by(outcome: OutcomeEntry, document: Document) -> Document:
        return narrowed(document, names) if told and outcome.sample_nodes else document

    plans = [
        _plan(outcome, {**seen_by(outcome, known), "nonce": nonce}, given[outcome.id])
        for outcome in outcomes
    ]
    explained = any(outcome.explain for outcome in outcomes)
    quiet = collect.read(lab.contract) if explained else {}
    probes = [probe for plan in plans for probe in plan.all_probes]
    answers = iter(probe_all(lab, probes, before.addresses))
    passed = collect.read(lab.contract) if explained else {}
    after, known_after = before, known
    if any(outcome.reread for outcome in outcomes):
        after = facts.gather(lab.api, lab.contract, lab.namespace)
        known_after = after.plain()
    judged = []
    for plan in plans:
        outcome = plan.outcome
        as_types, document = (after, known_after) if outcome.reread else (before, known)
        seen = _observation(
            plan,
            (as_types, seen_by(outcome, document)),
            {"before": seen_by(outcome, known), "vars": plan.variables, "nonce": nonce},
            answers,
        )
        if told and outcome.sample_nodes:
            seen = replace(seen, note=f" ({told})")
        explained_ones = [each for name in outcome.explain for each in seen.probes.get(name, ())]
        why = collect.reasons(lab.contract, before, explained_ones, before=quiet, after=passed)
        seen = replace(seen, why=why)
        fault = Judgement(Verdict.FAIL, plan.fault) if plan.fault else None
        judged.append(_Judged(plan, seen, fault or judge(outcome, seen)))
    return judged


def _observation(
    plan: _Plan,
    known: tuple[Facts, Document],
    more: Document,
    answers: Iterator[ProbeResult],
) -> Observation:
    """What was seen of an outcome; ``answers`` yields those of its probes next."""
    found = {name: [next(answers) for _ in group] for name, group in plan.probes.items()}
    as_types, document = known
    probes = documents(plan.outcome, found)
    return Observation({**document, **more, "probes": probes}, as_types, found)


def _variables(outcome: OutcomeEntry, given: Mapping[str, Any]) -> Document:
    """The outcome's variables: the values that were given, else its own."""
    return {
        name: given[name] if given.get(name) is not None else default
        for name, default in outcome.vars.items()
    }


def _plan(outcome: OutcomeEntry, known: Document, variables: Document) -> _Plan:
    """Fill in an outcome's probes from the facts; none if they say that it can't be checked."""
    document = {**known, "vars": variables, "before": known}
    if any(compiled(rule.when).holds(document)[0] for rule in outcome.skip):
        return _Plan(outcome, variables)
    try:
        probes = {name: filled(name, entry, document) for name, entry in outcome.probes.items()}
    except (ExpressionError, LabError) as error:
        return _Plan(outcome, variables, fault=f"It can't be probed: {error}.")
    return _Plan(outcome, variables, probes)
