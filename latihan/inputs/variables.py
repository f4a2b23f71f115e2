"""What ``-e`` sets: read as ansible-playbook reads it, and checked against the lab's variables."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import suggestions
from latihan.base.project import Project
from latihan.inputs import programs
from latihan.inputs.variable_specs import Variable, variables_of

_FORMS = "Write -e name=value, -e '{\"name\": value}' or -e @file.yml."


def chosen(project: Project, options: Iterable[str]) -> dict[str, Any]:
    """The variables that the ``-e`` options set.

    Args:
        project: its roles name the variables.
        options: each ``name=value``, ``@file`` (YAML or JSON) or ``{"name": value}``.

    Returns:
        The values by name, each in the type of its variable.

    Raises:
        LabError: an option can't be read, its variable is unknown, or its value is wrong.
    """
    values: dict[str, Any] = {}
    for option in options:
        values.update(parse(option))
    if values:
        variables = variables_of(project)
        values = {name: checked(name, value, variables) for name, value in values.items()}
        defaults = {name: variable.default for name, variable in variables.items()}
        programs.check(values, defaults)
    return values


def parse(option: str) -> dict[str, Any]:
    """The names and values of one ``-e`` option; LabError if it can't be read."""
    if option.startswith("@"):
        path = Path(os.path.expanduser(option[1:]))  # noqa: PTH111 - pathlib's fails if it is nobody's
        return _mapping(yaml_files.read_one(path, "variables file"), str(path))
    if option.lstrip().startswith(("{", "[")):
        return _mapping(yaml_files.parse_one(option, "-e"), f"-e {option!r}")
    return _pairs(option)


def _mapping(document: Any, source: str) -> dict[str, Any]:
    if isinstance(document, dict) and all(isinstance(name, str) for name in document):
        return document
    raise LabError(f"{source} sets no variables.", "Write lines like `name: value`.", Kind.INPUT)


def _pairs(option: str) -> dict[str, Any]:
    """``name=value``, once or several times, split and unquoted as ansible-playbook does it."""
    # Importing Ansible takes a tenth of a second, and most runs set no variable.
    from ansible.errors import AnsibleError  # noqa: PLC0415
    from ansible.parsing.splitter import parse_kv  # noqa: PLC0415

    try:
        values: dict[str, Any] = parse_kv(option)
    except AnsibleError as error:
        raise LabError(
            f"-e {option!r}: a quote or a {{{{ is not closed.", _FORMS, Kind.INPUT
        ) from error
    except UnicodeDecodeError as error:
        raise LabError(f"-e {option!r}: {error.reason}.", _FORMS, Kind.INPUT) from error
    # Ansible's name for words without an equals sign.
    rest = values.pop("_raw_params", "" if values else option)
    if rest or not values:
        part = "" if rest == option else f": {rest!r}"
        raise LabError(f"-e {option!r}{part} sets no variable.", _FORMS, Kind.INPUT)
    return values


def checked(name: str, value: object, variables: Mapping[str, Variable]) -> Any:
    """A value in the type of its variable; LabError if the name, the type or the value is wrong."""
    if name not in variables:
        raise LabError(
            f"There is no variable {name!r}.",
            suggestions.hint(name, variables, "docs/commands.md says where they are listed."),
            Kind.INPUT,
        )
    variable = variables[name]
    if variable.instead:
        raise LabError(f"{name} can't be set with -e.", variable.instead, Kind.INPUT)
    typed = converted(name, value, variable.kind)
    if not _is_text(typed):
        raise LabError(f"{name}={value!r} has characters that no text has.", "", Kind.INPUT)
    if variable.choices and typed not in variable.choices:
        choices = [str(each) for each in variable.choices]
        raise LabError(
            f"{name} can't be {typed!r}.",
            suggestions.hint(str(typed), choices) or f"It is one of {', '.join(choices)}.",
            Kind.INPUT,
        )
    return typed


def converted(name: str, value: object, kind: str) -> Any:
    """A value in a type, as Ansible converts it for a role's option.

    Two things that Ansible accepts are refused, since nobody means them: null, which fails later,
    and the text of a list, which Ansible splits at its commas.

    Args:
        name: the variable, for the message.
        value: what was given.
        kind: the type as Ansible names it.

    Raises:
        LabError: it is not of that type.
    """
    from ansible.module_utils.common.parameters import (  # noqa: PLC0415
        DEFAULT_TYPE_VALIDATORS,
    )

    text_of_list = kind == "list" and isinstance(value, str) and value.lstrip().startswith("[")
    hint = f"Write {name}=a,b,c or -e '{{\"{name}\": [...]}}'." if text_of_list else ""
    wrong = LabError(f"{name}={value!r} is not of the type {kind}.", hint, Kind.INPUT)
    if text_of_list or (value is None and kind != "raw") or (kind == "int" and _endless(value)):
        raise wrong
    try:
        return DEFAULT_TYPE_VALIDATORS[kind](value)
    except (TypeError, ValueError) as error:
        raise wrong from error


def _endless(value: object) -> bool:
    """Whether a number is infinite, or would take Python hours: ``1e999999999`` is an int too."""
    try:
        return math.isinf(float(str(value)))
    except ValueError:
        return False


def _is_text(value: object) -> bool:
    """Whether all text in a value can be written to files (UTF-8) and handed to programs."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return r"\u0000" not in text and not any("\ud800" <= each <= "\udfff" for each in text)
