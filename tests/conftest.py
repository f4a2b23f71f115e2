"""What tests of more than one kind use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.artifact import Installed, installed_in


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The collection, built and installed outside of the checkout."""
    return installed_in(Path(tmp_path_factory.mktemp("collections")))
