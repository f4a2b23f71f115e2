"""Roles say the same in their defaults, their options and their README files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from latihan.commands import role_docs
from tests.places import ROOT

ROLES = sorted(path.parent.parent for path in (ROOT / "roles").glob("*/tasks/main.yml"))


def options_of(role: Path) -> dict[str, Any]:
    text = (role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    entries = yaml.safe_load(text)["argument_specs"].values()
    return {name: each for entry in entries for name, each in (entry.get("options") or {}).items()}


def defaults_of(role: Path) -> dict[str, Any]:
    path = role / "defaults" / "main.yml"
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_options_and_defaults_are_the_same(role: Path) -> None:
    options = options_of(role)
    documented = {name: each["default"] for name, each in options.items() if "default" in each}
    assert documented == defaults_of(role)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_options_are_named_after_their_role_and_explained(role: Path) -> None:
    for name, option in options_of(role).items():
        assert name.startswith(f"{role.name}_")
        assert option.get("description"), f"{name} has no description"
        assert "type" in option, f"{name} has no type"


def test_readme_files_are_up_to_date() -> None:
    stale = [str(path.relative_to(ROOT)) for path, _ in role_docs.stale(ROOT / "roles")]
    assert stale == [], "run `python3 runner.py docs`"


def test_a_readme_is_made_from_the_options() -> None:
    stub = ROOT / "tests" / "unit" / "latihan" / "stub" / "roles"
    ((path, text),) = role_docs.stale(stub)
    assert path == stub / "greet" / "README.md"
    assert text.startswith("# Role greet\n\nSays hello.\n\nIt says hello as often")
    assert "| `greet_count` | int | `1` | How often to say it. |" in text
    assert r"`hello \| goodbye`" in text
    assert r"One of `hello \| goodbye`, `hi`." in text


def test_what_a_person_wrote_in_a_readme_stays() -> None:
    entries = {"main": {"options": {"a_b": {"type": "list", "elements": "str", "required": True}}}}
    first = role_docs.readme("a", entries, "# My role\n\nIt is good.\n")
    assert first.startswith("# My role\n\nIt is good.\n\n## Variables\n")
    assert "| `a_b` | list of str | required |  |" in first
    assert role_docs.readme("a", entries, first) == first
    second = role_docs.readme("a", {"main": {}}, first + "\nMore words.\n")
    assert "It has no variables." in second
    assert second.endswith("\nMore words.\n")
