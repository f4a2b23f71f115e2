"""The verdict of several results: for one outcome, and for a whole run. Pure functions.

The tasks of a playbook pass their verdicts on in a fact of the host; runner.py gathers them from
the tasks' results. Both follow these rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OutcomeResult,
    Verdict,
)

FACT = "outcomes_results"

# An outcome that was proven once is proven, even if it could not be checked at another time.
_WEIGHT = {Verdict.SKIP: 0, Verdict.PASS: 1, Verdict.FAIL: 2}
_ALONE = {
    Verdict.PASS: "holds",
    Verdict.FAIL: "failed",
    Verdict.SKIP: "could not be checked",
}


class Judged(Protocol):
    """What has a verdict."""

    @property
    def verdict(self) -> Verdict:
        """The verdict."""

    @property
    def reason(self) -> str:
        """Why it isn't pass."""


AnyJudged = TypeVar("AnyJudged", bound=Judged)


class Standing(Record):
    """An outcome's verdict so far; ``cause`` is the likeliest cause of a failure, if known.

    The tasks of a playbook pass this on.
    """

    verdict: Verdict
    title: str = ""
    reason: str = ""
    cause: str = ""

    def told(self, name: str) -> str:
        """One line about an outcome that doesn't hold: why, and the likely cause if known."""
        cause = f" Likely cause: {self.cause}" if self.cause else ""
        return f"{name} {self.title}: {self.reason}{cause}"


Standings = Mapping[str, Standing]


def counting(old: AnyJudged | None, new: AnyJudged) -> AnyJudged:
    """Which of two results for one outcome counts: any fail wins, and a pass over a skip."""
    if old is None or _WEIGHT[new.verdict] >= _WEIGHT[old.verdict]:
        return new
    return old


def earlier(task_vars: Mapping[str, Any]) -> dict[str, Standing]:
    """The outcomes that earlier tasks have gathered."""
    gathered_before = (task_vars.get("ansible_facts") or {}).get(FACT) or {}
    return {name: Standing.model_validate(dict(each)) for name, each in gathered_before.items()}


def gathered(before: Standings, results: Iterable[OutcomeResult]) -> dict[str, Standing]:
    """Add results to the outcomes so far."""
    found = dict(before)
    for each in results:
        cause = each.cause.cause if each.cause else ""
        new = Standing(verdict=each.verdict, title=each.title, reason=each.reason, cause=cause)
        found[each.id] = counting(found.get(each.id), new)
    return found


def joined(first: Standings, second: Standings) -> dict[str, Standing]:
    """The outcomes of two hosts together."""
    return {**first, **{name: counting(first.get(name), each) for name, each in second.items()}}


def count(results: Iterable[Judged]) -> dict[Verdict, int]:
    """How many have each verdict."""
    counted = Counter(each.verdict for each in results)
    return {verdict: counted[verdict] for verdict in Verdict}


def having(verdict: Verdict, results: Mapping[str, Judged]) -> list[str]:
    """The ids of the outcomes with that verdict."""
    return [name for name, each in results.items() if each.verdict is verdict]


def nothing_proven(results: Mapping[str, Judged]) -> bool:
    """Whether there are outcomes, but none of them could be checked."""
    return bool(results) and all(each.verdict is Verdict.SKIP for each in results.values())


def summed(results: Mapping[str, Judged]) -> str:
    """A summary of outcomes in one phrase, as in ``3 of 4 outcomes hold, 1 was skipped``."""
    counts, total = count(results.values()), len(results)
    if total == 1:
        return f"The outcome {next(said for verdict, said in _ALONE.items() if counts[verdict])}"
    if counts[Verdict.FAIL]:
        return f"{counts[Verdict.FAIL]} of {total} outcomes failed"
    if nothing_proven(results):
        return f"None of {total} outcomes could be checked"
    if not counts[Verdict.SKIP]:
        return f"All {total} outcomes hold"
    hold = "holds" if counts[Verdict.PASS] == 1 else "hold"
    were = "was" if counts[Verdict.SKIP] == 1 else "were"
    passed, skipped = counts[Verdict.PASS], counts[Verdict.SKIP]
    return f"{passed} of {total} outcomes {hold}, {skipped} {were} skipped"


def concluded(known: Standings, ids: Sequence[str] = ()) -> str:
    """The conclusion of a run, in one sentence.

    Args:
        known: the outcomes that were checked.
        ids: those that must have been checked.

    Raises:
        LabError: of the kind OUTCOME, if one failed or nothing is proven.
    """
    said = summed(known)
    if bad := having(Verdict.FAIL, known):
        raise LabError(
            f"{said}: {', '.join(bad)}.",
            "The report says what was expected and what was seen.",
            Kind.OUTCOME,
            "\n".join(known[name].told(name) for name in bad),
        )
    missing = [name for name in ids if name not in known]
    if missing or not known:
        raise LabError(
            f"Not checked: {', '.join(missing) or 'any outcome'}.",
            "Without an answer nothing is proven.",
            Kind.OUTCOME,
        )
    if nothing_proven(known):
        raise LabError(
            f"{said}: {reasons(known)}.", "Without an answer nothing is proven.", Kind.OUTCOME
        )
    skipped = having(Verdict.SKIP, known)
    return f"{said}: {', '.join(skipped)}." if skipped else f"{said}."


def reasons(results: Mapping[str, Judged]) -> str:
    """The reasons of outcomes, each once, with the outcomes that it belongs to."""
    found: dict[str, list[str]] = {}
    for name, each in results.items():
        found.setdefault(each.reason.rstrip("."), []).append(name)
    return "; ".join(f"{', '.join(names)} ({reason})" for reason, names in found.items())
