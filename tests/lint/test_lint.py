"""The linters, each as a test: what one of them says is the failure's text."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.lint.linters import LINTERS, Done


@pytest.mark.parametrize("name", LINTERS)
def test_lint(name: str, linters: Mapping[str, Future[Done]]) -> None:
    done = linters[name].result()
    if done.returncode != 0:
        pytest.fail(f"{done.stdout}{done.stderr}", pytrace=False)
