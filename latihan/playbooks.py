"""The playbooks that can be run by name, and the providers they can run on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.errors import Kind, LabError
from latihan import nearest
from latihan.project import Project


@dataclass(frozen=True)
class Playbook:
    """A file of ``playbooks/``: the name it is run by, and a line about what it does."""

    name: str
    path: Path
    title: str


def all_of(project: Project) -> list[Playbook]:
    """Every playbook, by name."""
    return [
        Playbook(path.stem, path, title_of(path.read_text(encoding="utf-8")))
        for path in sorted(project.playbooks.glob("*.yml"))
        if not path.name.startswith(".") and not path.name.endswith(".meta.yml")
    ]


def title_of(text: str) -> str:
    """The first comment line of a playbook, else the name of its first play, else nothing."""
    for line in text.splitlines():
        if line.startswith("#"):
            return line.lstrip("# ").rstrip()
        if line.strip() not in ("", "---"):
            break
    try:
        plays = yaml.safe_load(text)
    except yaml.YAMLError:
        return ""
    first = plays[0] if isinstance(plays, list) and plays else None
    return str(first.get("name", "")) if isinstance(first, dict) else ""


def find(project: Project, name: str, verbs: tuple[str, ...] = ()) -> Playbook:
    """The playbook of that name.

    Args:
        project: where to look.
        name: what was asked for.
        verbs: other commands that may have been meant.

    Raises:
        LabError: there is none; the hint has the nearest names.
    """
    known = {playbook.name: playbook for playbook in all_of(project)}
    if name in known:
        return known[name]
    raise LabError(
        f"There is no playbook or command {name!r}.",
        nearest.hint(name, [*known, *verbs], "`python3 runner.py list` shows what there is."),
        Kind.INPUT,
    )


def providers(project: Project) -> list[str]:
    """The names of the providers."""
    return sorted(path.stem for path in project.inventory.glob("*.yml"))


def checked_provider(project: Project, name: str) -> str:
    """The name of a provider, once it is known to be one; LabError where it isn't."""
    known = providers(project)
    if name in known:
        return name
    raise LabError(
        f"There is no provider {name!r}.",
        nearest.hint(name, known) or f"The providers are: {', '.join(known)}.",
        Kind.INPUT,
    )
