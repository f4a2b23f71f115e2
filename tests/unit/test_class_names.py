"""No two classes of the project share a name: whoever reads one knows which is meant."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.places import ROOT

# Ansible finds the classes of plugins, and of shared documentation, by these names.
GIVEN = {"ActionModule", "ModuleDocFragment"}


def classes(source: str) -> Iterator[str]:
    """The names of the classes that a source text defines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield node.name


def test_every_class_has_a_name_of_its_own() -> None:
    counted = Counter(
        name
        for folder in ("plugins", "latihan")
        for path in (ROOT / folder).rglob("*.py")
        for name in classes(path.read_text(encoding="utf-8"))
    )
    assert {name for name, times in counted.items() if times > 1} - GIVEN == set()


def test_a_class_is_seen_wherever_it_stands(tmp_path: Path) -> None:
    assert list(classes("class A:\n    class B: ...\ndef f():\n    class C: ...")) == [*"ABC"]
