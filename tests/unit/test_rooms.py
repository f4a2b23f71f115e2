"""Imports run one way: a room uses those before it in the list, and no other."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import runner
from tests.places import ROOT

PLUGIN_UTILS = "ansible_collections.latihan.lab.plugins.plugin_utils"
# From the ground up. What runs in pods, and outside of the lab's container, stands alone: it has
# Python's standard library.
ROOMS = {
    PLUGIN_UTILS: {
        "common": (),
        "supply": ("common",),
        "cluster": ("common",),
        "outcomes": ("common", "cluster"),
        "conformance": ("common", "cluster", "outcomes"),
        "survey": ("common", "cluster", "outcomes"),
        "providers": ("common", "supply", "cluster"),
        "machines": ("common", "supply"),
        "in_cluster": (),
    },
    "latihan": {
        "container": (),
        "base": (),
        "inputs": ("base",),
        "run": ("base", "inputs"),
        "reports": ("base", "run"),
        "output": ("base", "run", "reports"),
        "commands": ("base", "inputs", "run", "reports", "output"),
    },
}
FOLDERS = {PLUGIN_UTILS: ROOT / "plugins" / "plugin_utils", "latihan": ROOT / "latihan"}
CASES = [(package, room) for package, rooms in ROOMS.items() for room in rooms]


def imported(source: str) -> Iterator[str]:
    """The modules that a source text imports; of ``from a import b`` both a and a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def rooms_in(source: str, package: str) -> set[str]:
    """The rooms of a package that a source text imports from."""
    below = (name.removeprefix(f"{package}.") for name in imported(source))
    return {name.partition(".")[0] for name in below} & ROOMS[package].keys()


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@pytest.mark.parametrize(("package", "room"), CASES, ids=[room for _package, room in CASES])
def test_a_room_imports_from_those_below_it(package: str, room: str) -> None:
    folder = FOLDERS[package] / room
    assert sources(folder), "the room is empty"
    allowed = {room, *ROOMS[package][room]}
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in sources(folder)
        if (found := rooms_in(path.read_text(encoding="utf-8"), package) - allowed)
    }
    assert wrong == {}


@pytest.mark.parametrize("package", ROOMS)
def test_every_module_is_in_a_room(package: str) -> None:
    folders = {path.name for path in FOLDERS[package].iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == ROOMS[package].keys()


def test_the_collection_does_not_know_the_command_line() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources(ROOT / "plugins")
        if any(
            name.partition(".")[0] in ("latihan", "runner")
            for name in imported(path.read_text(encoding="utf-8"))
        )
    ]
    assert wrong == []


def test_what_runs_in_pods_needs_no_other_part_of_the_lab() -> None:
    for path in sources(FOLDERS[PLUGIN_UTILS] / "in_cluster"):
        names = set(imported(path.read_text(encoding="utf-8")))
        assert not any(name.startswith("ansible") for name in names), path.name


def test_what_runs_outside_of_the_container_needs_an_old_python_alone() -> None:
    oldest = runner.OLDEST_OUTSIDE
    for path in (ROOT / "runner.py", *sources(FOLDERS["latihan"] / "container")):
        source = path.read_text(encoding="utf-8")
        ast.parse(source, feature_version=oldest)
        names = {name.partition(".")[0] for name in imported(source)}
        assert names - {"latihan"} <= sys.stdlib_module_names, path.name


def test_a_wrong_import_is_seen() -> None:
    source = f"from {PLUGIN_UTILS} import outcomes\nimport {PLUGIN_UTILS}.cluster.api\n"
    assert rooms_in(source, PLUGIN_UTILS) == {"outcomes", "cluster"}
    assert rooms_in("from latihan.commands import play", "latihan") == {"commands"}
