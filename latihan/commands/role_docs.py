"""The README of a role, whose table of variables comes from the role's argument_specs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_BEGIN = "<!-- variables: from meta/argument_specs.yml, by `python3 runner.py docs` -->"
_END = "<!-- end of variables -->"
# Ansible's words for code, values, options, modules and emphasis.
_MARKUP = re.compile(r"\b[CVOMIB]\(([^)]*)\)")


def stale(roles: Path) -> Iterator[tuple[Path, str]]:
    """The README files that are not what they should be, with what they should be."""
    for specs in sorted(roles.glob("*/meta/argument_specs.yml")):
        role = specs.parent.parent
        path = role / "README.md"
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        entries = yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"]
        new = readme(role.name, entries, old)
        if new != old:
            yield path, new


def readme(role: str, entries: Mapping[str, Mapping[str, Any]], old: str) -> str:
    """A role's README: what a person wrote stays, the generated part is made anew.

    Args:
        role: the role's name.
        entries: its ``argument_specs``, by entry point.
        old: the README as it is; may be empty.
    """
    part = f"{_BEGIN}\n{generated(entries)}\n{_END}"
    if _BEGIN in old and _END in old:
        return old[: old.index(_BEGIN)] + part + old[old.index(_END) + len(_END) :]
    if old.strip():
        return f"{old.rstrip()}\n\n## Variables\n\n{part}\n"
    main = entries.get("main", {})
    about = [_summary(main), *paragraphs(main.get("description"))]
    text = "\n\n".join(part for part in about if part)
    return f"# Role {role}\n\n{text}\n\n## Variables\n\n{part}\n"


def generated(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The tables of a role's variables, one for each entry point."""
    tables = []
    for name, entry in entries.items():
        title = "" if name == "main" else f"### Entry point {name}\n\n{_summary(entry)}\n\n"
        tables.append(title + table(entry.get("options") or {}))
    return "\n\n".join(tables)


def table(options: Mapping[str, Mapping[str, Any]]) -> str:
    """A Markdown table of options."""
    if not options:
        return "It has no variables."
    rows = ["| Variable | Type | Default | Meaning |", "|---|---|---|---|"]
    for name, option in options.items():
        cells = (f"`{name}`", _type(option), _default(option), _meaning(option))
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


def paragraphs(description: object) -> list[str]:
    """A description as paragraphs: Ansible takes one text or a list of them."""
    parts = description if isinstance(description, list) else [description]
    return [_MARKUP.sub(r"`\1`", " ".join(str(part).split())) for part in parts if part]


def _summary(entry: Mapping[str, Any]) -> str:
    return " ".join(paragraphs(entry.get("short_description")))


def _type(option: Mapping[str, Any]) -> str:
    kind = str(option.get("type", "str"))
    return f"{kind} of {option['elements']}" if "elements" in option else kind


def _default(option: Mapping[str, Any]) -> str:
    if option.get("required"):
        return "required"
    if "default" not in option:
        return ""
    default = option["default"]
    return f"`{default if isinstance(default, str) and default else json.dumps(default)}`"


def _meaning(option: Mapping[str, Any]) -> str:
    text = " ".join(paragraphs(option.get("description")))
    choices = option.get("choices")
    return f"{text} One of {', '.join(f'`{each}`' for each in choices)}." if choices else text
