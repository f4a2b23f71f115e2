"""``exercise``: a fault that somebody has to find and mend, with hints, and what became of it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import settle
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import exercises, faults
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.exercises import (
    Exercise,
    ExerciseState,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.faults import Fault
from latihan.base import locks
from latihan.base.exits import Exit
from latihan.commands import breaking
from latihan.commands.command import Context
from latihan.reports.exercises import became

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``exercise``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    begin = actions.add_parser("begin", help="begin one: put in a fault, without saying which")
    begin.add_argument("fault", metavar="NAME", help="a fault that `break` lists")
    actions.add_parser("check", help="see whether it is mended")
    actions.add_parser("hint", help="take a hint, which is noted")


def execute(context: Context, options: argparse.Namespace) -> int:
    """Begin an exercise, check it, give a hint, or say what it is about."""
    chosen = None
    if options.action == "begin":
        chosen = breaking.named(
            options.fault, faults.load(context.project.root / breaking.CATALOGUE)
        )
    context.contract()
    code, lines = Exit.HOLDS, list[str]()
    if options.action is None:
        lines = [*told(exercises.current(context.lab.folder))]
    else:
        settle(fetches=False)
        owner = context.lab.owner.name
        what = f"runner.py exercise {options.action} --profile {owner}"
        with locks.lock_profile(context.project.locks, owner, what):
            code, lines = _act(context, options.action, chosen)
    for line in lines:
        context.console.print(line, highlight=False, markup=False)
    return code


def _act(context: Context, action: str, chosen: Fault | None) -> tuple[Exit, list[str]]:
    """Do what was asked for; the exit code, and what to print."""
    folder = context.lab.folder
    if action == "hint":
        known, clue = exercises.hint(folder)
        return Exit.HOLDS, [f"Hint {len(known.hints)} of {len(known.clues)}: {clue}"]
    there = lab(str(context.lab.contract), context.contract().namespace or "default")
    if chosen is not None:
        new = exercises.begin(there, folder, chosen)
        lines = [*told(exercises.current(folder))]
        return Exit.HOLDS, lines if new else ["It is open already.", *lines]
    known, failed = exercises.check(there, folder)
    code = Exit.OUTCOME_FAILED if failed else Exit.HOLDS
    return code, [*checked(known, failed)]


def told(known: Exercise) -> Iterator[str]:
    """What the exercise is about, and how it stands."""
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(known.begun))
    if known.state is not ExerciseState.OPEN:
        yield f"The exercise of {begun} is over: {became(known)}."
        return
    yield f"Since {begun} something in this lab is broken. What doesn't hold:"
    for key, title in known.symptoms.items():
        yield f"  {key}: {title}"
    yield "Find out why, and mend it. `exercise check` says whether it holds again."
    left = len(known.clues) - len(known.hints)
    yield f"`exercise hint` gives a hint ({left} left)."


def checked(known: Exercise, failed: list[str]) -> Iterator[str]:
    """What a check came to."""
    if not failed:
        yield f"It holds: {became(known)}."
    for key in failed:
        yield f"✘ {key} doesn't hold: {known.symptoms[key]}"
