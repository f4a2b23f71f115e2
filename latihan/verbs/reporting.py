"""``report``: what a run proved."""

from __future__ import annotations

import argparse

from rich.text import Text

from latihan import durations, report, summary
from latihan.exits import Exit
from latihan.outcomes import outcomes_in
from latihan.verbs.base import Context

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``report``."""
    parser.add_argument("run", nargs="?", default="latest", help="the name of a run (latest)")


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print a run's outcomes, failures and place; 0 whatever the run came to."""
    folder = report.find(context.project.artifacts(context.profile), options.run)
    document = report.load(folder)
    took = durations.text(float(document["duration_s"]))
    console = context.console
    console.print(
        Text(
            f"{document['playbook']} (profile {document['profile']}, provider "
            f"{document['provider']}), started {document['started']}, took {took}, "
            f"exit code {document['exit_code']}"
        )
    )
    summary.print_outcomes(console, list(outcomes_in(document)))
    for failure in document["failures"]:
        place = f"{failure['path']}:{failure['line']}"
        console.print(Text(f"✘ {failure['task']}: {failure['message']} ({place})", style="red"))
    console.print(Text(f"Report: {folder / 'report.json'}"))
    return Exit.HOLDS
