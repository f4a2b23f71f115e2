"""What runs beside the tests: the lab that they talk to is made, and then Molecule runs."""

from __future__ import annotations

import os

import pytest

from tests.integration.beside import Beside, MoleculeRun
from tests.integration.labs import Done, Lab, latest

PROFILE = "latihan-test"
_STANDING = os.environ.get("LATIHAN_TEST_LAB")
_BESIDE = pytest.StashKey[Beside]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin with what a test needs."""
    needed = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if not session.config.option.collectonly:
        session.config.stash[_BESIDE] = Beside(
            profile=PROFILE if "lab" in needed and not _STANDING else "",
            with_molecule="molecule_run" in needed and os.geteuid() == 0,
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave no lab, whatever the tests came to."""
    beside = session.config.stash.get(_BESIDE, None)
    if beside is not None:
        beside.put_away()


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> Lab:
    """A lab on which ``full-lab`` has just run.

    For one who writes tests, ``LATIHAN_TEST_LAB=NAME`` names a lab that stands already.
    """
    if _STANDING:
        return Lab(_STANDING, Done(0, ""), latest(_STANDING))
    made = pytestconfig.stash[_BESIDE].full_lab()
    if made.code != 0:
        pytest.fail(f"full-lab ended with {made.code}:\n{made.out}", pytrace=False)
    return Lab(PROFILE, made, latest(PROFILE))


@pytest.fixture(scope="session")
def molecule_run(pytestconfig: pytest.Config) -> MoleculeRun:
    """Molecule's run of all scenarios."""
    return pytestconfig.stash[_BESIDE].scenarios()
