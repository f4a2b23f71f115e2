"""Roles say the same in their defaults, their entry points and their README files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from latihan.commands import docs
from tests.places import ROOT

ROLES = sorted(path.parent.parent for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"))
OTHERS = [role for role in ROLES if role.name != "lab"]
GREET = ROOT / "tests" / "unit" / "latihan" / "stub" / "roles" / "greet"


def named(role: Path) -> str:
    return role.name


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def entries_of(role: Path) -> dict[str, Any]:
    entries: dict[str, Any] = loaded(role / "meta" / "argument_specs.yml")["argument_specs"]
    return entries


@pytest.mark.parametrize("role", ROLES, ids=named)
def test_options_and_defaults_are_the_same(role: Path) -> None:
    options = entries_of(role)["main"].get("options", {})
    documented = {name: each["default"] for name, each in options.items() if "default" in each}
    assert documented == (loaded(role / "defaults" / "main.yml") or {})


@pytest.mark.parametrize("role", ROLES, ids=named)
def test_options_are_named_after_their_role_and_explained(role: Path) -> None:
    for name, option in entries_of(role)["main"].get("options", {}).items():
        assert name.startswith(f"{role.name}_")
        assert option.get("description"), f"{name} has no description"
        assert "type" in option, f"{name} has no type"


@pytest.mark.parametrize("role", OTHERS, ids=named)
def test_every_role_knows_the_labs_own_values(role: Path) -> None:
    dependencies = loaded(role / "meta" / "main.yml")["dependencies"]
    assert dependencies == [{"role": "latihan.lab.lab"}]


@pytest.mark.parametrize("role", OTHERS, ids=named)
def test_an_entry_point_has_tasks_and_takes_what_they_use(role: Path) -> None:
    entries = entries_of(role)
    for name, entry in entries.items():
        assert entry.get("short_description"), f"{name} has no description"
        used = set(re.findall(rf"\b{role.name}_\w+", text_of(role / "tasks" / f"{name}.yml")))
        options = entry.get("options", {})
        assert options == {
            option: spec
            for option, spec in entries["main"].get("options", {}).items()
            if name == "main" or option in used
        }


def text_of(tasks: Path) -> str:
    """A file of tasks, with the files that it imports."""
    text = tasks.read_text(encoding="utf-8")
    imported = re.findall(r"import_tasks: (\w+\.yml)", text)
    return "\n".join([text, *(text_of(tasks.with_name(name)) for name in imported)])


def calls(document: Any) -> Iterator[tuple[str, str]]:
    """Roles and the files of their tasks that a playbook or a scenario names."""
    if isinstance(document, dict):
        if "tasks_from" in document:
            yield document["name"], document["tasks_from"]
        if {"role", "tasks"} <= document.keys():
            yield document["role"], document["tasks"]
    for each in document.values() if isinstance(document, dict) else document:
        if isinstance(each, dict | list):
            yield from calls(each)


def yaml_texts() -> Iterator[str]:
    """All YAML that may call roles, that in the documentation too."""
    for folder in ("playbooks", "molecule", "examples", "roles"):
        for path in sorted((ROOT / folder).rglob("*.yml")):
            yield path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md"), ROOT / "README.md"]:
        yield from re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def test_what_is_called_from_outside_is_an_entry_point_and_the_reverse() -> None:
    called = {call for text in yaml_texts() for call in calls(yaml.safe_load(text) or {})}
    entries = {
        (f"latihan.lab.{role.name}", name)
        for role in ROLES
        for name in entries_of(role)
        if name != "main"
    }
    assert {call for call in called if "{{" not in call[0]} == entries


def test_the_labs_network_stands_in_one_role() -> None:
    network = str(loaded(ROOT / "roles" / "lab" / "defaults" / "main.yml")["lab_network"])
    files = [*ROOT.glob("roles/*/*/*.yml"), *ROOT.glob("inventory/**/*.yml")]
    assert {path.parts[-3] for path in files if network in path.read_text("utf-8")} == {"lab"}


@pytest.mark.parametrize("role", ROLES, ids=named)
def test_readme_files_are_up_to_date(role: Path) -> None:
    text = (role / "README.md").read_text(encoding="utf-8")
    assert text == docs.readme(role, text), "run `python3 runner.py docs`"
    assert not re.search(r"\b[CVOMP]\(", text)


def test_a_readme_is_made_from_the_options() -> None:
    text = docs.readme(GREET, "")
    assert "# Role greet\n\nSays hello.\n\nIt says hello as often" in text
    assert "| `greet_count` | int | `1` | How often to say it. |" in text
    assert r"`hello \| goodbye`" in text
    assert r"One of `hello \| goodbye`, `hi`." in text


def test_what_a_person_wrote_in_a_readme_stays() -> None:
    first = docs.readme(GREET, "") + "\nMore words.\n"
    assert docs.readme(GREET, first) == first
    assert docs.readme(GREET, first.replace("greet_count", "greet_often")) == first
