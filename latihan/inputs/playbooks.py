"""The playbooks that can be run by name, and the providers they can run on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import suggestions
from latihan.base.project import Project

_SUFFIXES = (".yml", ".yaml")
_PLAY = {"hosts", "import_playbook", "ansible.builtin.import_playbook"}


@dataclass(frozen=True)
class Playbook:
    """A playbook: the name it is run by, its file, and a line about what it does."""

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
    except (yaml.YAMLError, ValueError):
        return ""
    first = plays[0] if isinstance(plays, list) and plays else None
    return str(first.get("name", "")) if isinstance(first, dict) else ""


def find(project: Project, name: str, verbs: tuple[str, ...] = ()) -> Playbook:
    """The playbook of that name, or in that file.

    Args:
        project: where to look.
        name: what was asked for: a name, or the path of a file of one's own.
        verbs: other commands that may have been meant.

    Raises:
        LabError: there is none; the hint has the nearest names.
    """
    if name.endswith(_SUFFIXES):
        return of_file(Path(name))
    known = {playbook.name: playbook for playbook in all_of(project)}
    if name in known:
        return known[name]
    raise LabError(
        f"There is no playbook or command {name!r}.",
        suggestions.hint(name, [*known, *verbs], "`python3 runner.py list` shows what there is."),
        Kind.INPUT,
    )


def of_file(path: Path) -> Playbook:
    """The playbook in a file of one's own.

    Raises:
        LabError: it can't be read, or is no list of plays.
    """
    try:
        text = path.read_text(encoding="utf-8")
        plays = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise LabError(
            f"The playbook {path} can't be read: {reason}.",
            "Name a file that is there.",
            Kind.INPUT,
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        mark, problem = yaml_files.trouble(error)
        line = f":{mark.line + 1}" if mark else ""
        raise LabError(
            f"{path}{line}: this is no YAML: {problem}.", "Put the line right.", Kind.INPUT
        ) from error
    if not isinstance(plays, list) or not all(
        isinstance(play, dict) and _PLAY & play.keys() for play in plays
    ):
        raise LabError(
            f"{path}: this is no playbook.",
            "A playbook is a list of plays; each says `hosts`. See docs/outcomes.md.",
            Kind.INPUT,
        )
    return Playbook(path.stem, path.resolve(), title_of(text))


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
        suggestions.hint(name, known) or f"The providers are: {', '.join(known)}.",
        Kind.INPUT,
    )
