"""What tests of more than one kind use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import configuration, settings

from tests.artifact import Installed, installed_in
from tests.places import ROOT

# What runner.py is asked here, it does here.
os.environ.pop("LATIHAN_CONTAINER", None)
configuration.set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")
# The same few examples in every run; HYPOTHESIS_PROFILE=long looks for new ones.
settings.register_profile("short", max_examples=50, derandomize=True, database=None, deadline=None)
settings.register_profile("long", max_examples=10_000, database=None, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The collection, built and installed outside of the checkout."""
    return installed_in(Path(tmp_path_factory.mktemp("collections")))
