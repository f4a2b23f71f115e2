"""Checks outcomes on a live lab: facts, probes, verdicts, and again where one may take time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    ExpressionError,
    compiled,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.templates import template
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.diagnosis.look import (
    Failure,
    diagnose,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import (
    Outcome,
    ProbeEntry,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.judge import (
    FAIL,
    PASS,
    Verdict,
    judge,
    report,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.engine import probe_all
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Probe, place
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why import collect

Document = dict[str, Any]

_PAUSE = 0.5
# The node that an outcome is about the loss of: no cause, for it is down on purpose.
_DOWN = "down"
_HELD = "It held, so the wait was over; the next round was judged."


@dataclass(frozen=True)
class Checked:
    """What became of outcomes: their ``reports``, and the ``facts`` they were last judged by."""

    reports: list[Document]
    facts: Document


@dataclass(frozen=True)
class _Plan:
    """An outcome with its probes filled in; ``fault`` says why they couldn't be."""

    outcome: Outcome
    probes: dict[str, list[Probe]]
    fault: str = ""


def check(lab: Lab, outcomes: Sequence[Outcome], variables: Mapping[str, Any]) -> Checked:
    """Check outcomes, all at the same time.

    Args:
        lab: the lab.
        outcomes: the outcomes.
        variables: values for what the outcomes call ``vars``.

    Returns:
        For each outcome, in their order: id, title, expected, observed, verdict (pass, fail or
        skip), reason, evidence, paths, attempts, retried (why not earlier), waited_s (seconds until
        the last attempt), duration_s (seconds). And the facts; empty where they could not be read.
    """
    reports: dict[str, Document] = {}
    earlier: dict[str, list[tuple[float, str]]] = {}
    known: Document = {}
    started = time.monotonic()
    open_ones, attempt = list(outcomes), 0
    while open_ones:
        attempt += 1
        waited = time.monotonic() - started
        judged = _round(lab, open_ones, variables)
        passed = time.monotonic() - started
        again, failed = [], []
        for outcome, verdict, document in judged:
            known = {root: document[root] for root in facts.ROOTS if root in document} or known
            tries = earlier.setdefault(outcome.id, [])
            reason = _not_yet(outcome, verdict, passed, tries)
            if reason:
                again.append(outcome)
                tries.append((passed, reason))
                continue
            told = report(outcome, verdict, document, attempts=attempt, duration=passed)
            told["retried"] = [f"{at:.1f} s: {why}" for at, why in tries]
            told["waited_s"] = round(waited, 3) if attempt > 1 else 0.0
            told["diagnosis"] = []
            reports[outcome.id] = told
            if verdict.verdict == FAIL:
                failed.append(outcome)
        for outcome, causes in zip(failed, _diagnoses(lab, failed, variables), strict=True):
            reports[outcome.id]["diagnosis"] = causes
        open_ones = again
        if any(earlier[outcome.id][-1][1] != _HELD for outcome in open_ones):
            time.sleep(_PAUSE)
    return Checked([reports[outcome.id] for outcome in outcomes], known)


def _not_yet(
    outcome: Outcome, verdict: Verdict, passed: float, tries: list[tuple[float, str]]
) -> str:
    """Why the outcome is asked once more; empty where the verdict stands.

    A wait that ends with the first sample that holds would choose its sample, so that a rule which
    refuses one connection in ten holds in the end. So the sample is the round after the wait.
    """
    if tries and tries[-1][1] == _HELD:
        return ""
    if verdict.verdict == FAIL:
        return verdict.reason if passed < outcome.within else ""
    return _HELD if tries and outcome.sampled and verdict.verdict == PASS else ""


def _round(
    lab: Lab, outcomes: Sequence[Outcome], variables: Mapping[str, Any]
) -> list[tuple[Outcome, Verdict, Document]]:
    """Facts, probes and verdicts once, for all of these outcomes."""
    try:
        before = facts.gather(lab.api, lab.contract, lab.namespace)
    except LabError as error:
        return [
            (outcome, Verdict(FAIL, str(error)), {"probes": {}, "vars": {}}) for outcome in outcomes
        ]
    plans = [_plan(outcome, before, _variables(outcome, variables)) for outcome in outcomes]
    probes = [probe for plan in plans for group in plan.probes.values() for probe in group]
    explained = any(outcome.explain for outcome in outcomes)
    quiet = collect.read(lab.contract) if explained else {}
    answers = iter(probe_all(lab, probes, before["addresses"]))
    passed = collect.read(lab.contract) if explained else {}
    after = before
    if any(outcome.reread for outcome in outcomes):
        after = facts.gather(lab.api, lab.contract, lab.namespace)
    judged = []
    for plan in plans:
        found = {name: [next(answers) for _ in group] for name, group in plan.probes.items()}
        document = {
            **(after if plan.outcome.reread else before),
            "before": before,
            "vars": _variables(plan.outcome, variables),
            "probes": {
                name: results if plan.outcome.probes[name].many else results[0]
                for name, results in found.items()
            },
        }
        told = [result for name in plan.outcome.explain for result in found.get(name, [])]
        document["why"] = collect.reasons(lab.contract, before, told, before=quiet, after=passed)
        verdict = Verdict(FAIL, plan.fault) if plan.fault else judge(plan.outcome, document)
        judged.append((plan.outcome, verdict, document))
    return judged


def _diagnoses(
    lab: Lab, outcomes: Sequence[Outcome], variables: Mapping[str, Any]
) -> list[list[Document]]:
    failures = [
        Failure(outcome.model_dump_json(), _variables(outcome, variables).get(_DOWN) or "")
        for outcome in outcomes
    ]
    return [[cause.document() for cause in found] for found in diagnose(lab, failures)]


def _variables(outcome: Outcome, given: Mapping[str, Any]) -> Document:
    """The outcome's own values, and those given in their place."""
    return {
        name: given[name] if given.get(name) is not None else default
        for name, default in outcome.vars.items()
    }


def _plan(outcome: Outcome, known: Document, variables: Document) -> _Plan:
    """Fill in an outcome's probes from the facts."""
    document = {**known, "vars": variables, "before": known}
    try:
        return _Plan(
            outcome,
            {name: fill(name, entry, document) for name, entry in outcome.probes.items()},
        )
    except (ExpressionError, LabError) as error:
        return _Plan(outcome, {}, f"It can't be probed: {error}.")


def fill(name: str, entry: ProbeEntry, document: Document) -> list[Probe]:
    """The probes that an entry makes.

    Raises:
        ExpressionError: what it needs isn't among the facts.
        LabError: its place is none.
    """
    items: list[Any] = [None]
    if entry.each is not None:
        items = compiled(entry.each).value(document) or []
        if not isinstance(items, list) or not items:
            raise ExpressionError(f"{entry.each} yields nothing to probe")
    return [
        _filled(name, entry, {**document, "item": item}, item)
        for item in items
        for _ in range(entry.count)
    ]


def _filled(name: str, entry: ProbeEntry, document: Document, item: Any) -> Probe:
    target = entry.target
    return Probe(
        name=name,
        kind=entry.kind,
        place=None if entry.from_ is None else place(str(template(entry.from_).value(document))),
        target=str(template(target).value(document))
        if isinstance(target, str)
        else tuple(str(template(word).value(document)) for word in target),
        options=tuple(
            (option, str(template(value).value(document)))
            for option, value in entry.options.items()
        ),
        timeout=entry.timeout,
        delay=entry.after,
        item=item,
    )
