"""``docs``: bring the roles' README files up to date with their argument_specs."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from tempfile import TemporaryDirectory

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from latihan.base.exits import Exit
from latihan.commands.command import Context, need_tools
from latihan.reports import models, report

RAW = False

_TEMPLATE = Path(__file__).with_name("role_readme.md.j2")
# aar-doc puts its text between these two marks.
_EMPTY = "<!-- BEGIN_ANSIBLE_DOCS -->\n<!-- END_ANSIBLE_DOCS -->\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are no options."""


def execute(context: Context, options: argparse.Namespace) -> int:
    """Write what the argument_specs say into the README files, and the report's schema."""
    need_tools()
    texts = {report.SCHEMA: models.schema()}
    for specs in sorted(context.project.roles.glob("*/meta/argument_specs.yml")):
        path = specs.parents[1] / "README.md"
        texts[path] = readme(path.parent, _text(path))
    for path, text in texts.items():
        if text != _text(path):
            report.write(path, text)
            context.console.print(f"Updated {path.relative_to(context.project.root)}", markup=False)
    return Exit.HOLDS


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def readme(role: Path, old: str) -> str:
    """A role's README: aar-doc replaces what is between its marks, and the rest stays.

    Args:
        role: the role's folder.
        old: the README as it is now; may be empty.

    Raises:
        LabError: aar-doc can't read the role, or the README is missing its marks.
    """
    # Only this command needs it, so it is in requirements-dev.txt and not imported above.
    aar_doc = importlib.import_module("aar_doc.cli").app
    with TemporaryDirectory() as folder:
        path = Path(folder, "README.md")
        path.write_text(old or _EMPTY, encoding="utf-8")
        words = ["--output-file", path, "--output-template", _TEMPLATE, role, "markdown"]
        code = aar_doc([str(word) for word in words], standalone_mode=False)
        if code:
            raise LabError(f"The README of the role {role.name} can't be made; aar-doc says why.")
        return path.read_text(encoding="utf-8")
