"""Exercises: a fault that somebody has to find and mend, and what became of it.

Who does the exercise is told which outcomes don't hold any more, not what was done. All exercises
of a lab are noted beside it, the last one last.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

from pydantic import Field, TypeAdapter

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common import collection
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import (
    checking,
    entries,
    faults,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.faults import Fault, Placed
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Verdict

NOTE = "exercises.json"
# A fault is seen once what was decided before it is forgotten, such as a connection or a name.
_SEEN_WITHIN, _PAUSE = 20.0, 1.0


class ExerciseState(StrEnum):
    """What became of an exercise."""

    OPEN = "open"
    MENDED = "mended"
    TAKEN_OUT = "taken out"


class Exercise(Record):
    """An exercise; times are seconds since the epoch."""

    name: str = Field(description="The fault, as the catalogue calls it.")
    symptoms: dict[str, str] = Field(description="The outcomes that don't hold: titles by ids.")
    clues: list[str] = Field(description="What the hints say, the vaguest first.")
    begun: float
    state: ExerciseState = ExerciseState.OPEN
    ended: float | None = Field(default=None, description="When it was seen to be mended.")
    checks: int = Field(default=0, description="How often it was asked whether it is mended.")
    hints: list[float] = Field(default_factory=list, description="When each hint was taken.")


_EXERCISES = TypeAdapter(list[Exercise])


def read(folder: Path) -> list[Exercise]:
    """The exercises that are noted in a folder, the last one last.

    Raises:
        ValidationError: the note is damaged.
    """
    try:
        return _EXERCISES.validate_json((folder / NOTE).read_bytes())
    except FileNotFoundError:
        return []


def current(folder: Path) -> Exercise:
    """The last exercise of a lab.

    Raises:
        LabError: there was none.
    """
    if there := read(folder):
        return there[-1]
    raise LabError(
        "There is no exercise in this lab.",
        "`python3 runner.py exercise begin NAME` begins one.",
        Kind.INPUT,
    )


def begin(lab: Lab, folder: Path, chosen: Fault) -> bool:
    """Put a fault into a lab for somebody to find; an earlier exercise ends.

    Args:
        lab: the lab.
        folder: the lab's folder.
        chosen: the fault.

    Returns:
        False if this exercise is open already.

    Raises:
        LabError: the lab doesn't hold without the fault, or holds with it.
    """
    if any(each.state is ExerciseState.OPEN and each.name == chosen.name for each in read(folder)):
        return False
    if not chosen.fails:
        raise LabError(
            f"No outcome fails because of {chosen.name!r}, so nobody would see it.",
            "Choose another fault: `python3 runner.py break` lists them.",
            Kind.INPUT,
        )
    take_out(lab, folder)
    outcomes = _outcomes(chosen.fails)
    if failed := failing(lab, outcomes):
        raise LabError(
            f"Before the exercise these don't hold: {', '.join(failed)}.",
            "Run `python3 runner.py full-lab` first.",
            Kind.STEP,
        )
    faults.put_in(lab, folder, chosen, exercise=True)
    quick = [each.model_copy(update={"within": 0.0}) for each in outcomes]
    deadline = time.monotonic() + seconds(_SEEN_WITHIN)
    while len(failing(lab, quick)) < len(outcomes):
        if time.monotonic() > deadline:
            take_out(lab, folder)
            raise LabError(
                f"The fault {chosen.name!r} isn't seen in this lab, so it was taken out again.",
                "Choose another fault: `python3 runner.py break` lists them.",
                Kind.STEP,
            )
        time.sleep(_PAUSE)
    new = Exercise(
        name=chosen.name,
        symptoms={each.id: each.title for each in outcomes},
        clues=[f"Look at the layer {chosen.layer}.", f"{chosen.title}."],
        begun=time.time(),
    )
    _note(folder, [*read(folder), new])
    return True


def check(lab: Lab, folder: Path) -> tuple[Exercise, list[str]]:
    """See whether the last exercise is mended; what is left of its fault is then taken out.

    Returns:
        The exercise, and the outcomes that don't hold.

    Raises:
        LabError: there was no exercise.
    """
    known = current(folder)
    failed = failing(lab, _outcomes(known.symptoms))
    if known.state is ExerciseState.OPEN:
        known = known.model_copy(update={"checks": known.checks + 1})
        if not failed:
            faults.take_out(lab, folder, known.name)
            known = known.model_copy(update={"state": ExerciseState.MENDED, "ended": time.time()})
        _note(folder, [*read(folder)[:-1], known])
    return known, failed


def hint(folder: Path) -> tuple[Exercise, str]:
    """Take the next hint of the last exercise; the last hint again once all are taken.

    Raises:
        LabError: there was no exercise, or it is over.
    """
    known = current(folder)
    if known.state is not ExerciseState.OPEN:
        raise LabError(f"The exercise is {known.state}, so there is no hint.", kind=Kind.INPUT)
    if len(known.hints) < len(known.clues):
        known = known.model_copy(update={"hints": [*known.hints, time.time()]})
        _note(folder, [*read(folder)[:-1], known])
    return known, known.clues[len(known.hints) - 1]


def take_out(lab: Lab, folder: Path, name: str = "") -> list[Placed]:
    """Take a fault, or all, out of a lab, as ``faults.take_out`` does; an exercise of it ends."""
    out = faults.take_out(lab, folder, name)
    gone = {each.name for each in out}
    there = read(folder)
    ended = {"state": ExerciseState.TAKEN_OUT, "ended": time.time()}
    after = [
        each.model_copy(update=ended)
        if each.state is ExerciseState.OPEN and each.name in gone
        else each
        for each in there
    ]
    if after != there:
        _note(folder, after)
    return out


def failing(lab: Lab, outcomes: Sequence[entries.OutcomeEntry]) -> list[str]:
    """The ids of those outcomes that don't hold now."""
    results = checking.check(lab, outcomes, {}).results
    return [each.id for each in results if each.verdict is not Verdict.PASS]


def _outcomes(ids: Iterable[str]) -> list[entries.OutcomeEntry]:
    known = {each.id: each for each in entries.load(collection.outcome_files())}
    return [known[each] for each in ids]


def _note(folder: Path, there: Sequence[Exercise]) -> None:
    new = folder / f"{NOTE}.new"
    new.write_text(json.dumps([each.plain() for each in there]) + "\n", encoding="utf-8")
    new.replace(folder / NOTE)
