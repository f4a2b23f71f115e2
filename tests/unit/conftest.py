"""What all unit tests have in common."""

from __future__ import annotations

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common import patience


@pytest.fixture(autouse=True)
def _fast_enough() -> None:
    """This machine counts as fast enough, so that limits are as they are written."""
    patience.choose(1)
