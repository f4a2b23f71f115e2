"""The lab that the integration tests talk to: a real cluster, made once for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.integration.labs import Done, Lab, latest, runner

PROFILE = "latihan-test"


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab on which ``full-lab`` has just run.

    For one who writes tests, ``LATIHAN_TEST_LAB=NAME`` names a lab that stands already.
    """
    if standing := os.environ.get("LATIHAN_TEST_LAB"):
        yield Lab(standing, Done(0, ""), latest(standing))
        return
    runner("teardown", "--profile", PROFILE)
    made = runner("full-lab", "--profile", PROFILE)
    if made.code != 0:
        runner("teardown", "--profile", PROFILE)
        pytest.fail(f"full-lab ended with {made.code}:\n{made.out}", pytrace=False)
    yield Lab(PROFILE, made, latest(PROFILE))
    runner("teardown", "--profile", PROFILE)
