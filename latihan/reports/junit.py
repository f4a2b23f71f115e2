"""The report of a run as JUnit XML, which CI systems read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from junitparser import Error, JUnitXml, Skipped, TestCase, TestSuite
from junitparser import Failure as Failed

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OutcomeResult,
    Verdict,
)
from latihan.run.failures import Failure
from latihan.run.model import RunModel, Step
from latihan.run.outcomes import by_id

# What XML 1.0 can't hold, not even escaped (section 2.2 of its specification).
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml(playbook: str, model: RunModel) -> str:
    """A suite of the outcomes and a suite of the steps.

    An outcome that doesn't hold is a failure, one that couldn't be checked is skipped, and a step
    that failed is an error. A suite's time is the time really spent: outcomes are checked side
    by side, so their own times add up to more.
    """
    outcomes = TestSuite(clean(f"{playbook}: outcomes"))
    outcomes.add_testcases([outcome_case(each) for each in by_id(model.outcomes.values())])
    steps = TestSuite(clean(f"{playbook}: steps"))
    steps.add_testcases(step_cases(model.steps, model.step_failures))
    report = JUnitXml()
    report.add_testsuite(outcomes)
    report.add_testsuite(steps)
    report.update_statistics()
    outcomes.time = round(model.spent["outcomes"], 3)
    # The steps hold the checks of the outcomes.
    report.time = steps.time
    written: bytes = report.tostring()
    return written.decode("utf-8")


def outcome_case(outcome: OutcomeResult) -> TestCase:
    """One outcome."""
    case = TestCase(
        clean(f"{outcome.id} {outcome.title}"), "outcomes", round(outcome.duration_s, 3)
    )
    if outcome.verdict is Verdict.FAIL:
        case.result = [
            _with_text(Failed(clean(outcome.reason or "it does not hold")), story(outcome))
        ]
    elif outcome.verdict is Verdict.SKIP:
        case.result = [Skipped(clean(outcome.reason))]
    return case


def step_cases(steps: Iterable[Step], failures: Iterable[Failure]) -> list[TestCase]:
    """The steps; each failure goes to the step of its role."""
    cases: dict[str, TestCase] = {}
    for step in steps:
        if step.tasks:
            case = cases.setdefault(step.name, TestCase(clean(step.name), "steps", 0.0))
            case.time = round(case.time + step.duration, 3)
    for failure in failures:
        name = failure.role or failure.task
        case = cases.setdefault(name, TestCase(clean(name), "steps", 0.0))
        text = "\n".join(
            part
            for part in (failure.message, failure.hint, f"at {failure.place}", failure.detail)
            if part
        )
        case.result = [*case.result, _with_text(Error(clean(failure.message)), text)]
    return list(cases.values())


def story(outcome: OutcomeResult) -> str:
    """All that is known about an outcome, as text."""
    lines = [
        f"{word}: {text}"
        for word, text in (
            ("expected", outcome.expected),
            ("observed", outcome.observed),
            ("reason", outcome.reason),
        )
        if text
    ]
    for cause in outcome.diagnosis:
        word = "likely cause" if cause.met else "also different"
        lines += [f"{word}: {cause.cause}", f"what to do: {cause.fix}"]
    for why in outcome.why:
        lines += ["", f"why: {why.sentence}"]
        lines += [f"  {line}" for line in why.lines]
    for each in outcome.evidence:
        lines += ["", f"$ {each.command}", each.output]
    return "\n".join(lines)


def clean(text: str) -> str:
    """Text that XML can hold: other characters are replaced by their numbers."""
    return _FORBIDDEN.sub(lambda found: f"#x{ord(found.group()):02X}", text)


def _with_text(result: Failed | Error, text: str) -> Failed | Error:
    result.text = clean(text)
    return result
