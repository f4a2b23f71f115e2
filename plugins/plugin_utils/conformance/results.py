"""What Kubernetes' end-to-end tests report, as outcomes. Pure.

The tests write JUnit XML (ginkgo: reporters/junit_reporter.go, version 1). Each of several that run
at a time writes a file of its own, in which the tests of the others are missing, and those that
nobody chose are skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from junitparser import JUnitXml, JUnitXmlError, Skipped, TestCase

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    Evidence,
    OutcomeResult,
    Verdict,
)

_COMMAND = "python3 runner.py conformance --focus"
_CONFORMANCE = "[Conformance]"
# A failure is a place in the code, what the test said, and a place again (ginkgo: failureMessage).
_PLACE = re.compile(r"\S+\.go:[0-9]+")
_STAMP = re.compile(r"^\w{3} +[0-9]+ [0-9:.]+: ((FAIL|INFO): )?")
_KEPT_LINES = 100


class State(IntEnum):
    """How a test ended; what counts more is larger."""

    SKIPPED = 0
    PASSED = 1
    FAILED = 2


@dataclass(frozen=True)
class Ran:
    """A test in a report: how it ended, in how many seconds, why it failed, and what it logged."""

    state: State
    seconds: float = 0.0
    failure: str = ""
    log: str = ""


Report = Mapping[str, Ran]


def read(text: bytes, name: str) -> dict[str, Ran]:
    """The tests of a report, by their names.

    Args:
        text: the report.
        name: its file, for the message.

    Raises:
        LabError: it is no such report.
    """
    try:
        suites = JUnitXml.fromstring(text)
    except (JUnitXmlError, SyntaxError, ValueError) as error:
        raise LabError(f"{name} is not a report of the tests: {error}.") from error
    return {str(case.name): _ran(case) for suite in suites for case in suite}


def _ran(case: TestCase) -> Ran:
    seconds, log = float(case.time or 0), str(case.system_out or "")
    if any(isinstance(result, Skipped) for result in case.result):
        return Ran(State.SKIPPED, seconds)
    if case.result:
        return Ran(State.FAILED, seconds, str(case.result[0].text or ""), log)
    return Ran(State.PASSED, seconds)


def merged(reports: Iterable[Report]) -> dict[str, Ran]:
    """The tests of several reports; a result counts before a skip, and a failure before a pass."""
    found: dict[str, Ran] = {}
    for report in reports:
        for name, ran in report.items():
            if name not in found or ran.state > found[name].state:
                found[name] = ran
    return found


def chosen(listed: Report) -> dict[str, str]:
    """The tests that would run, of a run that only lists them.

    Returns:
        Their names by their ids, ``E`` and a number. An id is a test's place among all tests of
        its version in alphabetical order, so it doesn't depend on the choice.
    """
    return {
        f"E{place}": name
        for place, name in enumerate(sorted(listed), 1)
        if listed[name].state is not State.SKIPPED
    }


def finished(line: str) -> bool:
    """Whether a line of the tests' output says that one has ended.

    They print their progress as JSON (kubernetes: test/e2e/reporters/progress.go), after a number
    in brackets if several run at a time.
    """
    try:
        said: Any = json.loads(re.sub(r"^\[[0-9]+\] ", "", line))
        return bool(re.match("PASSED|FAILED", said["msg"]))
    except (ValueError, TypeError, KeyError):
        return False


def outcomes(tests: Mapping[str, str], report: Report) -> list[OutcomeResult]:
    """The chosen tests as outcomes, and what failed around them.

    Args:
        tests: their names by their ids.
        report: what ran; a test that is missing in it is a failure.
    """
    around = [
        (f"E0-{name}", name)
        for name, ran in sorted(report.items())
        # Of what runs before and after all tests, only failures are reported.
        if ran.state is State.FAILED and name not in tests.values()
    ]
    return [_outcome(key, name, report.get(name)) for key, name in [*around, *tests.items()]]


def _outcome(key: str, name: str, ran: Ran | None) -> OutcomeResult:
    if ran is None:
        verdict, reason = Verdict.FAIL, "It did not run to its end."
    elif ran.state is State.FAILED:
        verdict, reason = Verdict.FAIL, last_words(ran.failure)
    elif ran.state is State.PASSED:
        verdict, reason = Verdict.PASS, ""
    else:
        # What belongs to conformance has to be possible on every cluster.
        verdict = Verdict.FAIL if _CONFORMANCE in name else Verdict.SKIP
        reason = "The test skipped itself: it needs what this cluster doesn't have."
    ran = ran or Ran(State.FAILED)
    return OutcomeResult(
        id=key,
        title=" ".join(name.split()),
        verdict=verdict,
        observed="passed" if verdict is Verdict.PASS else "",
        reason=reason,
        duration_s=ran.seconds,
        evidence=[
            Evidence(
                from_="host",
                command=f"{_COMMAND} '{re.escape(name)}'",
                output="\n".join([ran.failure, *ran.log.splitlines()[-_KEPT_LINES:]]).strip(),
            )
        ],
    )


def last_words(failure: str) -> str:
    """What a failed test said in the end, without the places in its code and the time."""
    said = [line for line in failure.splitlines() if line.strip()]
    said = [line for line in said if not _PLACE.fullmatch(line.strip())]
    return _STAMP.sub("", " ".join(line.strip() for line in said)) or "It gave no reason."
