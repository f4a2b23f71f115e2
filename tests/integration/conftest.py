"""The lab that the integration tests talk to, and what runs beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.beside import asked_for
from tests.integration.labs import (
    MADE_WITH,
    UNUSUAL_SHELL,
    Beside,
    Done,
    Lab,
    command,
    latest,
    runner,
)
from tests.integration.scenarios import Run, Scenarios

PROFILE = "latihan-test"
_STANDING = os.environ.get("LATIHAN_TEST_LAB")
_ENDS_WITHIN = 60.0
# The lab is made beside the unit tests and the first of these, which may install a browser; the
# scenarios run beside those that have the lab; and nothing runs beside the last ones, which compare
# the machine with what it was.
_ORDER = ("test_binaries", "test_page", "", "test_molecule", "test_nothing_stays")


class Making:
    """``full-lab`` while it runs: it waits a lot, so other tests run meanwhile."""

    def __init__(self) -> None:
        runner("teardown", "--profile", PROFILE)
        made = command("full-lab", "--profile", PROFILE, *MADE_WITH)
        self._run = Beside([*UNUSUAL_SHELL, *made])

    def done(self) -> Done:
        """How it ended; waits until it has."""
        return self._run.done()

    def put_away(self) -> None:
        """End it if it still runs, and leave no lab."""
        self._run.end(_ENDS_WITHIN)
        runner("teardown", "--profile", PROFILE)


_MAKING = pytest.StashKey[Making]()
_SCENARIOS = pytest.StashKey[Scenarios]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of this folder in their order."""
    here = Path(__file__).parent
    places = [index for index, item in enumerate(items) if item.path.parent == here]
    ordered = sorted((items[index] for index in places), key=_place)
    for index, item in zip(places, ordered, strict=True):
        items[index] = item


def _place(item: pytest.Item) -> int:
    return _ORDER.index(item.path.stem if item.path.stem in _ORDER else "")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to make the lab if a test needs it."""
    if asked_for(session, "lab") and not _STANDING:
        session.config.stash[_MAKING] = Making()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave no lab, however the tests ended."""
    stash = session.config.stash
    for begun in (stash.get(_SCENARIOS, None), stash.get(_MAKING, None)):
        if begun is not None:
            begun.put_away()


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Lab:
    """A lab on which ``full-lab`` has just run.

    While you write tests, ``LATIHAN_TEST_LAB=NAME`` names a lab that runs already.
    """
    made = _made(request.config)
    if asked_for(request.session, "scenarios"):
        _begin_scenarios(request.config)
    return made


def _made(config: pytest.Config) -> Lab:
    if _STANDING:
        return Lab(_STANDING, Done(0, ""), latest(_STANDING))
    made = config.stash[_MAKING].done()
    if made.code != 0:
        pytest.fail(f"full-lab ended with {made.code}:\n{made.out}", pytrace=False)
    return Lab(PROFILE, made, latest(PROFILE))


def _begin_scenarios(config: pytest.Config) -> Scenarios:
    if _SCENARIOS not in config.stash:
        config.stash[_SCENARIOS] = Scenarios()
    return config.stash[_SCENARIOS]


@pytest.fixture(scope="session")
def scenarios(pytestconfig: pytest.Config) -> Run:
    """Molecule's scenarios, once they have all run."""
    return _begin_scenarios(pytestconfig).done()
