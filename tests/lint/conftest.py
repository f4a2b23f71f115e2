"""The linters begin before the first test and run beside the others."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.beside import asked_for
from tests.lint.linters import Done, Linting

_LINTING = pytest.StashKey[Linting]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin if a test asks for them."""
    if asked_for(session, "linters"):
        session.config.stash[_LINTING] = Linting()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave none running."""
    linting = session.config.stash.get(_LINTING, None)
    if linting is not None:
        linting.put_away()


@pytest.fixture(scope="session")
def linters(pytestconfig: pytest.Config) -> Mapping[str, Future[Done]]:
    """How each linter ended."""
    return pytestconfig.stash[_LINTING].began
