"""``docs``: bring the generated parts of the documentation up to date."""

from __future__ import annotations

import argparse

from latihan import report, role_docs
from latihan.exits import Exit
from latihan.verbs.base import Context, Verb


def execute(context: Context, options: argparse.Namespace) -> int:  # noqa: ARG001 - it has none
    """Write the tables of variables into the roles' README files."""
    for path, text in role_docs.stale(context.project.roles):
        report.write(path, text)
        context.console.print(f"{path.relative_to(context.project.root)} is new", markup=False)
    return Exit.HOLDS


DOCS = Verb("Bring the roles' README files up to date with their options.", execute)
