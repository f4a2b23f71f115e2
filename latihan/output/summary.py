"""What a person sees at the end of a run: outcomes, the slowest tasks, totals, where to look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import verdicts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OutcomeResult,
    Verdict,
)
from latihan.base import durations
from latihan.base.exits import Exit
from latihan.reports.report import About
from latihan.run.model import RunModel, Task
from latihan.run.outcomes import by_id

_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.SKIP: "yellow"}
_WORTH_NAMING = 0.5  # Seconds.
MEANING = {
    Exit.HOLDS: "done",
    Exit.OUTCOME_FAILED: "an outcome does not hold",
    Exit.BAD_INPUT: "bad input",
    Exit.MACHINE_NOT_READY: "something is missing on the machine",
    Exit.STEP_FAILED: "a step failed",
    Exit.INTERRUPTED: "interrupted",
}


def print_outcomes(console: Console, outcomes: Sequence[OutcomeResult]) -> None:
    """Print the outcomes: a table on a terminal, else a line for each."""
    ordered = by_id(outcomes)
    if not ordered:
        return
    if not console.is_terminal:
        for outcome in ordered:
            line = f"{outcome.verdict.upper():<4} {outcome.id:<4} {outcome.title}"
            console.print(Text(f"{line} | {one_line(outcome.brief)}"))
        return
    table = Table(title="Outcomes", title_justify="left", title_style="bold", expand=False)
    table.add_column("id", no_wrap=True)
    table.add_column("outcome", ratio=2)
    table.add_column("verdict", no_wrap=True)
    table.add_column("observed", ratio=3)
    for outcome in ordered:
        verdict = Text(outcome.verdict.value, style=_STYLES[outcome.verdict])
        table.add_row(outcome.id, Text(outcome.title), verdict, Text(one_line(outcome.brief)))
    console.print(table)


def print_diagnoses(console: Console, outcomes: Sequence[OutcomeResult]) -> None:
    """Print the likely causes of failures, each once, with the outcomes that it may explain."""
    for title, met in (
        ("Likely causes", True),
        ("Also different from how the lab was made", False),
    ):
        blamed: dict[tuple[str, str], list[str]] = {}
        for outcome in by_id(outcomes):
            for found in outcome.diagnosis:
                if found.met is met:
                    blamed.setdefault((found.cause, found.fix), []).append(outcome.id)
        if blamed:
            console.print(Text(title, style="bold"))
        for (cause, fix), identifiers in blamed.items():
            named = f"{', '.join(identifiers)}: " if met else ""
            console.print(Text(f"  {named}{cause}"))
            console.print(Text(f"    {fix}"))


def print_slowest(console: Console, tasks: Sequence[Task]) -> None:
    """Print the slowest tasks, if they took long enough to matter."""
    slow = [task for task in tasks if task.duration >= _WORTH_NAMING]
    if not slow:
        return
    console.print(Text("Slowest tasks", style="bold"))
    for task in slow:
        console.print(Text(f"  {durations.text(task.duration):>12}  {task.step}: {task.name}"))


def print_end(console: Console, model: RunModel, about: About, folder: Path | None) -> None:
    """Print all that is said at the end of a run; its report is in ``folder``, if it has one."""
    print_outcomes(console, list(model.outcomes.values()))
    print_diagnoses(console, list(model.outcomes.values()))
    print_slowest(console, model.slowest)
    style = "bold red" if about.code else "bold green"
    console.print(Text(totals(model, about.code, about.duration), style=style))
    if model.outcomes:
        console.print(Text(durations.spent(model.spent), style="dim"))
    if folder:
        console.print(Text(f"Report: {folder / 'report.json'}"))
        console.print(Text(f"Page:   {folder / 'report.html'}"))
    if about.code:
        console.print(Text(f"Again:  {about.command}"))


def totals(model: RunModel, code: Exit, duration: float) -> str:
    """The run in one line."""
    unproven = code is Exit.OUTCOME_FAILED and verdicts.nothing_proven(model.outcomes)
    meaning = verdicts.summed(model.outcomes) if unproven else MEANING[code]
    parts = [f"{meaning} in {durations.text(duration)}"]
    counts = verdicts.count(model.outcomes.values())
    if model.outcomes:
        passed, failed = counts[Verdict.PASS], counts[Verdict.FAIL]
        said = [f"{passed} hold{'s' * (passed == 1)}"]
        said += [f"{failed} fail{'s' * (failed == 1)}"] if failed else []
        said += [f"{counts[Verdict.SKIP]} skipped"] if counts[Verdict.SKIP] else []
        noun = "outcome" + "s" * (len(model.outcomes) != 1)
        parts.append(f"{len(model.outcomes)} {noun}: {', '.join(said)}")
    tasks = sum(step.tasks for step in model.steps)
    changed = sum(step.changed for step in model.steps)
    parts.append(f"{tasks} task{'s' * (tasks != 1)}, {changed} changed")
    line = "; ".join(parts) + "."
    return line[0].upper() + line[1:]


def one_line(text: str) -> str:
    """Text without its line breaks."""
    return " ".join(text.split())
