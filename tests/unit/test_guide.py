"""The guide names every kind, field, option, reason, fact and function, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import models
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    functions_of_the_lab,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import records
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import (
    ANY,
    OutcomeEntry,
    ProbeEntry,
    load,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kinds import KINDS
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.readers import (
    REASONS,
    is_reason,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import COMMON
from tests.places import ROOT

GUIDE = (ROOT / "docs" / "outcomes.md").read_text(encoding="utf-8")


def table(head: str, text: str = GUIDE) -> dict[str, list[str]]:
    """The table under that head: the other cells of each row by its first one."""
    rows = text.partition(f"{head}\n")[2].splitlines()
    cells = {}
    for row in rows[1:]:
        if not row.startswith("|"):
            break
        first, *others = (cell.strip() for cell in row.strip("|").split(" | "))
        cells[first] = [other.strip("| ") for other in others]
    assert cells, f"the guide has no table {head!r}"
    return cells


def coded(text: str) -> set[str]:
    """What stands in backticks."""
    return set(re.findall(r"`([^`]+)`", text))


def names(head: str, text: str = GUIDE) -> set[str]:
    """What stands in backticks in the first column of a table."""
    return {name for cell in table(head, text) for name in coded(cell)}


def after(heading: str) -> str:
    return GUIDE.partition(heading)[2]


def test_the_example_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    path = tmp_path / "own.yml"
    path.write_text(example, encoding="utf-8")
    (outcome,) = load([path])
    assert outcome.probes["from_host"].refusal


def test_the_fields_of_an_entry() -> None:
    assert names("| Field | Meaning |", after("## The fields of an entry")) == set(
        OutcomeEntry.model_fields
    )


def test_the_kinds_of_probes_and_what_they_yield() -> None:
    named = {
        cell.strip("`").partition(":")[0]: coded(others[1])
        for cell, others in table("| Kind | Asks | Yields |").items()
    }
    assert named == {kind: records.names(KINDS[kind].yields) for kind in KINDS}


def test_what_every_probe_yields() -> None:
    assert names("| Field | Meaning |", after("Every probe also yields these:")) == COMMON


def test_the_fields_of_a_probe() -> None:
    fields = {field.alias or name for name, field in ProbeEntry.model_fields.items()}
    assert names("| Field | Meaning |", after("Besides its kind")) == fields - KINDS.keys()


def test_the_options_of_probes() -> None:
    named = {
        cell.strip("`").partition(":")[0]: set(re.findall(r"`options: \{(\w+): ", others[0]))
        for cell, others in table("| Kind | Asks | Yields |").items()
    }
    assert named == {kind: set(KINDS[kind].options) for kind in KINDS}


def test_the_reasons() -> None:
    named = names("| Reason | Meaning |")
    numbered = {"http_404", "exit_1"}
    assert named == REASONS | numbered | {ANY}
    assert all(map(is_reason, numbered))


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ("nodes.NAME", ("nodes", "any")),
        ("pods.NAME", ("pods", "any")),
        ("services.NAME", ("services", "any")),
        ("endpoints.NAME", ("endpoints", "any")),
        ("host", ("host",)),
        ("lab", ("lab",)),
    ],
)
def test_the_facts(part: str, path: tuple[str, ...]) -> None:
    (cell,) = table("| Part | What is in it |")[f"`{part}`"]
    assert coded(cell) == models.members(path)


def test_the_roots_of_expressions() -> None:
    named = {name.partition(".")[0] for name in names("| Part | What is in it |")}
    assert named == {*models.ROOTS, "probes", "vars", "before", "nonce"}


def test_the_functions() -> None:
    listed = after("The lab adds these\nfunctions:").partition("\n\n")[0]
    assert {word.partition("(")[0] for word in coded(listed)} == set(functions_of_the_lab())


def test_a_table_is_read_whole_and_no_further() -> None:
    text = "| A | B |\n|---|---|\n| `a: X`, `b` | `c` and `d` |\n| `e` | |\n\n| `f` | `g` |\n"
    assert table("| A | B |", text) == {"`a: X`, `b`": ["`c` and `d`"], "`e`": [""]}
    assert names("| A | B |", text) == {"a: X", "b", "e"}
