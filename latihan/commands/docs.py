"""``docs``: bring the generated parts of the documentation up to date."""

from __future__ import annotations

import argparse

from latihan.base.exits import Exit
from latihan.commands import role_docs
from latihan.commands.command import Context
from latihan.reports import models, report

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has no options of its own."""


def execute(context: Context, options: argparse.Namespace) -> int:
    """Write the tables of variables into the roles' README files, and the report's schema."""
    stale = dict(role_docs.stale(context.project.roles))
    if report.SCHEMA.read_text(encoding="utf-8") != models.schema():
        stale[report.SCHEMA] = models.schema()
    for path, text in stale.items():
        report.write(path, text)
        context.console.print(f"{path.relative_to(context.project.root)} is new", markup=False)
    return Exit.HOLDS
