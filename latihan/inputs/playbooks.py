"""The playbooks that can be run, by name or by path."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import suggestions
from latihan.base.project import Project

_SUFFIXES = (".yml", ".yaml")
_PLAY = {"hosts", "import_playbook", "ansible.builtin.import_playbook"}


@dataclass(frozen=True)
class Playbook:
    """A playbook: its name in commands and reports, its file, and a line about what it does."""

    name: str
    path: Path
    title: str


def all_of(project: Project, commands: Container[str] = ()) -> list[Playbook]:
    """Every playbook, by name, but those that a command of the same name plays."""
    return [
        Playbook(path.stem, path, title_of(yaml_files.text_of(path, "playbook")))
        for path in sorted(project.playbooks.glob("*.yml"))
        if not path.name.startswith(".") and not path.name.endswith(".meta.yml")
        if path.stem not in commands
    ]


def title_of(text: str) -> str:
    """The first comment line of a playbook, else the name of its first play, else nothing."""
    for line in text.splitlines():
        if line.startswith("#"):
            return line.lstrip("# ").rstrip()
        if line.strip() not in ("", "---"):
            break
    try:
        return _first_name(yaml_files.parse_one(text, "playbook"))
    except LabError:
        return ""


def _first_name(plays: Any) -> str:
    first = plays[0] if isinstance(plays, list) and plays else None
    return str(first.get("name", "")) if isinstance(first, dict) else ""


def find(project: Project, name: str, commands: Iterable[str] = ()) -> Playbook:
    """The playbook of that name, or in that file.

    Args:
        project: where to look.
        name: what was asked for: a name, or the path of a file.
        commands: the built-in commands, which may have been meant instead.

    Raises:
        LabError: there is none; the hint has the closest names.
    """
    if name.endswith(_SUFFIXES):
        return of_file(Path(name))
    by_name = {playbook.name: playbook for playbook in all_of(project)}
    if name in by_name:
        return by_name[name]
    raise LabError(
        f"There is no playbook or command {name!r}.",
        suggestions.hint(name, [*by_name, *commands], "`python3 runner.py list` shows them all."),
        Kind.INPUT,
    )


def of_file(path: Path) -> Playbook:
    """The playbook in any file.

    Raises:
        LabError: the file can't be read, or isn't a list of plays.
    """
    text = yaml_files.text_of(path, "playbook")
    plays = yaml_files.parse_one(text, str(path))
    if not isinstance(plays, list) or not all(
        isinstance(play, dict) and _PLAY & play.keys() for play in plays
    ):
        raise LabError(
            f"{path}: not a playbook.",
            "A playbook is a list of plays, each with `hosts`. See docs/outcomes.md.",
            Kind.INPUT,
        )
    return Playbook(path.stem, path.resolve(), title_of(text))
