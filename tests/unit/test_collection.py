"""What is in the collection that others install, and what Ansible says of it there."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.artifact import Installed
from tests.places import ROOT

MODULES = sorted(f"latihan.lab.{path.stem}" for path in ROOT.glob("plugins/modules/*.py"))
ROLES = sorted(path.parent.parent for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"))


def test_it_holds_what_belongs_to_it_and_nothing_else(installed: Installed) -> None:
    listed = json.loads((installed.folder / "FILES.json").read_text(encoding="utf-8"))["files"]
    built = {each["name"] for each in listed if each["ftype"] == "file"}
    folders = ("docs", "meta", "playbooks", "plugins", "roles")
    belongs = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert built == belongs | {"CHANGELOG.md", "LICENSE", "README.md", "requirements.txt"}


def test_every_module_is_documented(installed: Installed) -> None:
    said = json.loads(installed.run("ansible-doc", "--json", *MODULES))
    assert sorted(said) == MODULES
    assert [name for name, module in said.items() if not module["return"]] == []
    assert [name for name, module in said.items() if not module["examples"]] == []


def test_every_module_is_listed(installed: Installed) -> None:
    said = json.loads(installed.run("ansible-doc", "--json", "-t", "module", "-l", "latihan.lab"))
    assert sorted(said) == MODULES


def test_every_role_is_listed_with_its_entry_points(installed: Installed) -> None:
    said = json.loads(installed.run("ansible-doc", "--json", "-t", "role", "-l", "latihan.lab"))
    assert {name: sorted(role["entry_points"]) for name, role in said.items()} == {
        f"latihan.lab.{role.name}": sorted(specs(role)) for role in ROLES
    }


def specs(role: Path) -> dict[str, object]:
    text = (role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    entries: dict[str, object] = yaml.safe_load(text)["argument_specs"]
    return entries


def test_its_playbooks_find_its_roles(installed: Installed) -> None:
    playbooks = sorted(installed.folder.glob("playbooks/*.yml"))
    said = installed.run("ansible-playbook", "--syntax-check", "-i", "lab,lab_machines", *playbooks)
    assert said.count("playbook: ") == len(playbooks)
