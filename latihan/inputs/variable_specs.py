"""The lab's variables: the options of all roles, from their argument_specs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from latihan.base.project import Project

_BY_FOLDER = "Set {} in the environment."
# These say which lab is meant. All commands must agree on it, so each is set in one way only.
_PLACES = {
    "lab_profile": "Use --profile.",
    "lab_provider": "Use --provider.",
    "lab_state": _BY_FOLDER.format("LATIHAN_STATE"),
    "lab_cache": _BY_FOLDER.format("LATIHAN_CACHE"),
    "lab_contract": "Use --profile, or set LATIHAN_STATE in the environment.",
}
_FED_BY_PLACE = re.compile(rf"\b({'|'.join(_PLACES)})\b")


@dataclass(frozen=True)
class Variable:
    """A variable: its type as Ansible names it, its choices and its default.

    ``instead`` says how to choose the lab, if the variable depends on that; else it is empty.
    """

    kind: str
    choices: tuple[Any, ...] = ()
    default: Any = None
    instead: str = ""


def variables_of(project: Project) -> dict[str, Variable]:
    """Every variable of the lab and of its roles."""
    found = {}
    for path in sorted(project.roles.glob("*/meta/argument_specs.yml")):
        document = yaml_files.read_one(path, "argument specs") or {}
        for entry in document.get("argument_specs", {}).values():
            for name, option in (entry.get("options") or {}).items():
                found[name] = _variable(name, option)
    return found


def _variable(name: str, option: Mapping[str, Any]) -> Variable:
    default = option.get("default")
    return Variable(
        kind=option.get("type", "str"),
        choices=tuple(option.get("choices", ())),
        default=default,
        instead=_PLACES.get(name) or instead_of(name, default),
    )


def instead_of(name: str, value: object) -> str:
    """How to choose the lab, if a variable depends on that; else empty, as for a node's name."""
    fed = _FED_BY_PLACE.search(value) if isinstance(value, str) else None
    return _PLACES[fed[0]] if fed and not name.endswith("_node") else ""
