"""``list``: what can be run."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from latihan.base.exits import Exit
from latihan.base.project import Project
from latihan.commands import COMMANDS, answers
from latihan.commands.answers import ListAnswer, NameAndTitle
from latihan.commands.command import Context
from latihan.inputs import playbooks

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``list``."""
    answers.add_output(parser)


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print the playbooks, the commands and the providers."""
    if options.output == answers.JSON:
        answers.print_json(context.console, everything(context.project))
    else:
        print_all(context.console, context.project)
    return Exit.HOLDS


def everything(project: Project) -> ListAnswer:
    """The playbooks, the commands and the providers."""
    rows = ((each.name, each.title) for each in playbooks.all_of(project, COMMANDS))
    commands = ((each.name, each.help) for each in COMMANDS.values())
    return ListAnswer(
        playbooks=[NameAndTitle(name=name, title=title) for name, title in rows],
        commands=[NameAndTitle(name=name, title=title) for name, title in commands],
        providers=list(providers.names()),
    )


def print_all(console: Console, project: Project) -> None:
    """Print the playbooks, the commands and the providers."""
    found = everything(project)
    for title, lines in (("Playbooks", found.playbooks), ("Commands", found.commands)):
        console.print(Text(title, style="bold"))
        table = Table.grid(padding=(0, 2))
        for each in lines:
            table.add_row(f"  {each.name}", Text(each.title))
        console.print(table)
    names = ", ".join(found.providers)
    console.print(Text.assemble(("Providers", "bold"), f"  {names}"))
