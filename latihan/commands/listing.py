"""``list``: what can be run."""

from __future__ import annotations

import argparse

from rich.table import Table
from rich.text import Text

from latihan.base.exits import Exit
from latihan.commands import VERBS
from latihan.commands.command import Context
from latihan.inputs import playbooks

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has no options of its own."""


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print the playbooks, the commands and the providers."""
    rows = [(each.name, each.title) for each in playbooks.all_of(context.project)]
    verbs = [(name, verb.description) for name, verb in VERBS.items()]
    for title, lines in (("Playbooks", rows), ("Commands", verbs)):
        context.console.print(Text(title, style="bold"))
        table = Table.grid(padding=(0, 2))
        for name, text in lines:
            table.add_row(f"  {name}", Text(text))
        context.console.print(table)
    providers = ", ".join(playbooks.providers(context.project))
    context.console.print(Text.assemble(("Providers", "bold"), f"  {providers}"))
    return Exit.HOLDS
