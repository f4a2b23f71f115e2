"""The guide's example is an outcome, and the guide knows every kind, field and function."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    functions_of_the_lab,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import names
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry, load
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kinds import KINDS
from tests.places import ROOT

GUIDE = (ROOT / "docs" / "outcomes.md").read_text(encoding="utf-8")


def test_the_example_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    path = tmp_path / "own.yml"
    path.write_text(example, encoding="utf-8")
    (outcome,) = load([path])
    assert outcome.probes["from_host"].refusal


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_told(kind: str) -> None:
    assert f"| `{kind}: " in GUIDE
    for field in {*names(KINDS[kind].yields), *KINDS[kind].options}:
        assert re.search(rf"[`{{]{field}[`:]", GUIDE), field


@pytest.mark.parametrize("field", sorted(OutcomeEntry.model_fields))
def test_every_field_is_told(field: str) -> None:
    assert f"`{field}`" in GUIDE


@pytest.mark.parametrize("function", functions_of_the_lab())
def test_every_function_is_told(function: str) -> None:
    assert f"`{function}(" in GUIDE
