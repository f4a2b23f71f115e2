"""A project for the tests of the command line: small playbooks that touch nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from latihan.base.project import Project
from latihan.run import events
from latihan.run.model import RunModel

HERE = Path(__file__).parent


@pytest.fixture
def project(tmp_path: Path) -> Project:
    shutil.copytree(HERE / "stub", tmp_path / "stub")
    return Project(tmp_path / "stub", tmp_path / "cache", tmp_path / "state")


@pytest.fixture
def recorded() -> Callable[[str], RunModel]:
    """The model of a recorded run; each event comes a second after the one before."""

    def replay(name: str) -> RunModel:
        model = RunModel()
        lines = (HERE / "events" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        for second, line in enumerate(lines):
            event = events.parse(json.loads(line))
            if event is not None:
                model.apply(event, float(second))
        return model

    return replay
