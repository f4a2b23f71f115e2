"""What all unit tests have in common."""

from __future__ import annotations

import os

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common import patience


@pytest.fixture(autouse=True)
def _fast_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine counts as fast enough and idle, so that limits are as they are written."""
    patience.choose(1)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
