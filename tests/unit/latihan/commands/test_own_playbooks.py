"""The project's own playbooks, on labs that are only folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latihan.base.project import Project
from latihan.cli import main
from tests.places import ROOT

PARTS = ("ansible.cfg", "collections", "inventory", "playbooks", "roles")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """This project, with a cache, states and reports elsewhere."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    root = tmp_path / "root"
    root.mkdir()
    for part in PARTS:
        (root / part).symlink_to(ROOT / part)
    return Project(root, tmp_path / "cache", tmp_path / "state")


def test_a_second_lab_goes_with_its_owner(own: Project) -> None:
    others = {"of-a-test-2", "other", "other-c4"}
    for profile in others:
        own.profile(profile).folder.mkdir(parents=True)
    # The second time the owner is gone already.
    for made in (("of-a-test", "of-a-test-c4"), ("of-a-test-c4",)):
        for profile in made:
            own.profile(profile).folder.mkdir()
        assert main(["teardown", "--profile", "of-a-test"], own) == 0
        assert {path.name for path in own.state.iterdir()} == others
        path = own.artifacts("of-a-test") / "latest" / "report.json"
        report = json.loads(path.read_text(encoding="utf-8"))
        assert sum(step["changed"] for step in report["steps"]) == len(made)


def test_a_lab_needs_a_node(own: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["full-lab", "--profile", "of-a-test", "--check", "-e", "lab_nodes=0"], own) == 2
    assert "Set lab_nodes to a number from 1 to 50." in capsys.readouterr().out
