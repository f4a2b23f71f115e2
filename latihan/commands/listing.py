"""``list``: what can be run."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from latihan.base.exits import Exit
from latihan.base.project import Project
from latihan.commands import COMMANDS
from latihan.commands.command import Context
from latihan.inputs import playbooks

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are no options."""


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print the playbooks, the commands and the providers."""
    print_all(context.console, context.project)
    return Exit.HOLDS


def print_all(console: Console, project: Project) -> None:
    """Print the playbooks, the commands and the providers."""
    rows = [(each.name, each.title) for each in playbooks.all_of(project)]
    commands = [(each.name, each.help) for each in COMMANDS.values()]
    for title, lines in (("Playbooks", rows), ("Commands", commands)):
        console.print(Text(title, style="bold"))
        table = Table.grid(padding=(0, 2))
        for name, text in lines:
            table.add_row(f"  {name}", Text(text))
        console.print(table)
    names = ", ".join(providers.names())
    console.print(Text.assemble(("Providers", "bold"), f"  {names}"))
