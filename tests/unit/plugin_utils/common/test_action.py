"""The options of the action plugins are what their documentation says, fragments included."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.common import action
from tests.places import ROOT

RUNTIME = ROOT / "meta" / "runtime.yml"
LIVE = yaml.safe_load(RUNTIME.read_text(encoding="utf-8"))["action_groups"]["live"]


@pytest.mark.parametrize("name", LIVE)
def test_all_that_work_on_a_live_lab_take_the_same_options(name: str) -> None:
    options = action.options(name)
    assert options["contract"] == {"type": "path", "required": True}
    assert options["namespace"] == {"type": "str", "default": "default"}


def test_an_action_has_its_own_options_too() -> None:
    assert action.options("wait")["until"] == {"type": "list", "elements": "str", "required": True}
    assert "namespace" not in action.options("cluster")
