"""``report``: what a run proved, and what changed between two of them."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import durations
from latihan.base.exits import Exit
from latihan.commands import answers
from latihan.commands.command import Context
from latihan.output import summary
from latihan.reports import report
from latihan.reports.compare import Difference, differences

RAW = False

_DIFFERENT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``report``."""
    parser.add_argument(
        "run", nargs="?", default="latest", help="the name of a run (default: latest)"
    )
    parser.add_argument("--open", action="store_true", help="show the page in a browser")
    parser.add_argument(
        "--diff",
        nargs=2,
        metavar=("RUN1", "RUN2"),
        help="show what changed between two runs; exit code 1 if anything did",
    )
    answers.add_output(parser)


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print a run's outcomes and failures, and where its report is; 0 even if the run failed."""
    artifacts = context.project.artifacts(context.profile)
    if options.diff:
        if options.output == answers.JSON:
            raise LabError("--diff has no --output json.", "Leave one of them out.", Kind.INPUT)
        return _compare(context.console, artifacts, *options.diff)
    folder = report.find(artifacts, options.run)
    loaded = report.load(folder)
    console = context.console
    if options.output == answers.JSON:
        answers.print_json(console, loaded)
        return Exit.HOLDS
    console.print(
        Text(
            f"{loaded.playbook} (profile {loaded.profile}, provider {loaded.provider}), started "
            f"{loaded.started.isoformat()}, took {durations.text(loaded.duration_s)}, "
            f"exit code {loaded.exit_code}"
        )
    )
    summary.print_outcomes(console, loaded.outcomes)
    for failure in loaded.failures:
        said = f"✘ {failure.task}: {failure.message} ({failure.place})"
        console.print(Text(said, style="red"))
    console.print(Text(f"Report: {folder / 'report.json'}"))
    page = folder / "report.html"
    if page.is_file():
        console.print(Text(f"Page:   {page}"))
        if options.open:
            _open(console, page)
    elif options.open:
        console.print(Text("This run has no page: an older version made its report."))
    return Exit.HOLDS


def _open(console: Console, page: Path) -> None:
    """Show a page in the browser of this desktop."""
    if not has_desktop(os.environ, sys.platform):
        console.print(Text("There is no desktop here: open the page on another machine."))
    elif not webbrowser.open(page.as_uri()):
        console.print(Text("No browser can be started here: open the page yourself."))


def has_desktop(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a window can be opened; a browser in the terminal can't show the page well."""
    shown = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    return bool(shown) or platform != "linux"


def _compare(console: Console, artifacts: Path, one: str, other: str) -> int:
    folders = [report.find(artifacts, name) for name in (one, other)]
    found = differences(*(report.load(folder) for folder in folders))
    names = [folder.name for folder in folders]
    if not found:
        console.print(Text(f"Nothing changed between {names[0]} and {names[1]}."))
        return Exit.HOLDS
    print_changes(console, found, names)
    return _DIFFERENT


def print_changes(console: Console, found: Sequence[Difference], names: Sequence[str]) -> None:
    """Print the differences: a table on a terminal, else a line for each."""
    if not console.is_terminal:
        console.print(Text(f"From {names[0]} to {names[1]}:"))
        for change in found:
            before, after = summary.one_line(change.before), summary.one_line(change.after)
            console.print(Text(f"{change.what:<9} {change.name:<14} {before} -> {after}"))
        return
    table = Table(title="What changed", title_justify="left", title_style="bold")
    table.add_column("what", no_wrap=True)
    table.add_column("where", no_wrap=True)
    for run in names:
        table.add_column(run, ratio=1)
    for change in found:
        style = "bold red" if (change.what, change.after) == ("verdict", "fail") else ""
        table.add_row(
            change.what,
            change.name,
            Text(summary.one_line(change.before)),
            Text(summary.one_line(change.after), style=style),
        )
    console.print(table)
