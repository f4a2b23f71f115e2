"""The variables that ``-e`` may set: which there are, of which type, and what was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.errors import Kind, LabError
from latihan import nearest
from latihan.project import Project

# These have options of their own: set both ways, they could contradict each other.
_OPTIONS = {"lab_profile": "--profile", "lab_provider": "--provider"}
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def chosen(project: Project, given: Iterable[str]) -> dict[str, Any]:
    """What the ``-e`` options say, checked against what the lab knows.

    Args:
        project: its roles and inventory name the variables.
        given: each ``name=value``, ``@file`` (YAML or JSON) or ``{"name": value}``.

    Returns:
        The values by name, in the type that the variable has.

    Raises:
        LabError: one doesn't parse, isn't known, or is of another type.
    """
    values: dict[str, Any] = {}
    for text in given:
        values.update(parse(text))
    if values:
        types = known(project)
        values = {name: checked(name, value, types) for name, value in values.items()}
    return values


def parse(text: str) -> dict[str, Any]:
    """One ``-e`` option as names and values; LabError where it is no such thing."""
    if text.startswith("@"):
        return from_file(Path(text[1:]))
    if text.lstrip().startswith("{"):
        return mapping(text, "The value of -e")
    name, equals, value = text.partition("=")
    if equals and name.strip().isidentifier():
        return {name.strip(): value}
    raise LabError(
        f"-e {text!r} sets no variable.", "Write -e name=value, or -e @file.yml.", Kind.INPUT
    )


def from_file(path: Path) -> dict[str, Any]:
    """The variables of a YAML or JSON file; LabError where it can't be read or isn't one."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise LabError(
            f"The variables file {path} can't be read: {reason}.",
            "Give the path of a YAML or JSON file.",
            Kind.INPUT,
        ) from error
    return mapping(text, f"The variables file {path}")


def mapping(text: str, what: str) -> dict[str, Any]:
    """Names and values from YAML text; LabError (it starts with ``what``) where there are none."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or "it is no YAML"
        raise LabError(
            f"{what} doesn't parse:{where} {problem}.", "Mend it and try again.", Kind.INPUT
        ) from error
    if isinstance(document, dict) and all(isinstance(name, str) for name in document):
        return document
    raise LabError(
        f"{what} holds no variables.", "It must hold lines of the form `name: value`.", Kind.INPUT
    )


def known(project: Project) -> dict[str, str]:
    """Every variable of the lab and of its roles, with its type as Ansible names it."""
    types: dict[str, str] = {}
    for path in sorted(project.inventory.glob("group_vars/*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        types |= {name: type_of(value) for name, value in document.items()}
    for path in sorted(project.roles.glob("*/meta/argument_specs.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for entry in document.get("argument_specs", {}).values():
            for name, option in (entry.get("options") or {}).items():
                types[name] = option.get("type", "str")
    return types


def type_of(value: object) -> str:
    """The type of a default, as Ansible names it; a template may become anything."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "raw" if "{{" in value else "str"
    return {int: "int", float: "float", list: "list", dict: "dict"}.get(type(value), "raw")


def checked(name: str, value: object, types: Mapping[str, str]) -> Any:
    """A variable's value in the variable's type; LabError where name or type is wrong."""
    if name in _OPTIONS:
        raise LabError(f"{name} is not set with -e.", f"Use {_OPTIONS[name]}.", Kind.INPUT)
    if name not in types:
        raise LabError(
            f"There is no variable {name!r}.",
            nearest.hint(name, types, "docs/commands.md says where the variables are listed."),
            Kind.INPUT,
        )
    if not isinstance(value, str):
        return value
    kind = types[name]
    try:
        return converted(value, kind)
    except (ValueError, KeyError, yaml.YAMLError) as error:
        raise LabError(f"{name}={value!r} is not of the type {kind}.", "", Kind.INPUT) from error


def converted(text: str, kind: str) -> Any:
    """Text as a value of that type; ValueError, KeyError or YAMLError where it isn't one."""
    match kind:
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "bool":
            return _BOOLEANS[text.lower()]
        case "list" | "dict":
            value = yaml.safe_load(text)
            if type_of(value) != kind:
                raise ValueError(text)
            return value
        case _:
            return text
