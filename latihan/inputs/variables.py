"""What ``-e`` sets: parsed, and checked against the variables that there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import suggestions
from latihan.base.project import Project
from latihan.inputs import programs
from latihan.inputs.variable_specs import Variable, known, type_of

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
        LabError: one doesn't parse, isn't known, or can't be that.
    """
    values: dict[str, Any] = {}
    for text in given:
        values.update(parse(text))
    if values:
        there = known(project)
        values = {name: checked(name, value, there) for name, value in values.items()}
        programs.check(values, {name: variable.default for name, variable in there.items()})
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
    except (yaml.YAMLError, ValueError) as error:
        mark, problem = yaml_files.trouble(error)
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise LabError(
            f"{what} doesn't parse:{where} {problem}.", "Mend it and try again.", Kind.INPUT
        ) from error
    if isinstance(document, dict) and all(isinstance(name, str) for name in document):
        return document
    raise LabError(
        f"{what} holds no variables.", "It must hold lines of the form `name: value`.", Kind.INPUT
    )


def checked(name: str, value: object, there: Mapping[str, Variable]) -> Any:
    """A variable's value in the variable's type; LabError where name, type or value is wrong."""
    if name not in there:
        raise LabError(
            f"There is no variable {name!r}.",
            suggestions.hint(name, there, "docs/commands.md says where the variables are listed."),
            Kind.INPUT,
        )
    variable = there[name]
    if variable.instead:
        raise LabError(f"{name} is not set with -e.", variable.instead, Kind.INPUT)
    try:
        typed = converted(value, variable.kind)
    except (ValueError, KeyError, yaml.YAMLError) as error:
        raise LabError(
            f"{name}={value!r} is not of the type {variable.kind}.", "", Kind.INPUT
        ) from error
    if variable.choices and typed not in variable.choices:
        choices = [str(each) for each in variable.choices]
        raise LabError(
            f"{name} can't be {typed!r}.",
            suggestions.hint(str(typed), choices) or f"It is one of {', '.join(choices)}.",
            Kind.INPUT,
        )
    return typed


def converted(value: object, kind: str) -> Any:
    """A value in that type; ValueError, KeyError or YAMLError where it isn't of it."""
    if isinstance(value, str):
        return from_text(value, kind)
    if kind == "raw" and value is not None:
        return value
    if type_of(value) != kind:
        raise ValueError(value)
    return value


def from_text(text: str, kind: str) -> Any:
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
