"""``teardown``, the real playbook, on labs that are only folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latihan.cli import main
from latihan.project import Project

ROOT = Path(__file__).parents[3]
PARTS = ("ansible.cfg", "collections", "inventory", "playbooks", "roles")


@pytest.mark.parametrize(
    ("made", "left", "changed"),
    [
        (("of-a-test", "of-a-test-c4"), set(), 2),
        (("of-a-test-c4", "of-a-test-2"), {"of-a-test-2"}, 1),
        (("other", "other-c4"), {"other", "other-c4"}, 0),
    ],
)
def test_a_second_lab_goes_with_its_owner(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: tuple[str, ...],
    left: set[str],
    changed: int,
) -> None:
    project = Project(tmp_path / "root", tmp_path / "cache", tmp_path / "state")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    project.root.mkdir()
    for part in PARTS:
        (project.root / part).symlink_to(ROOT / part)
    for profile in made:
        project.profile_state(profile).mkdir(parents=True)
    assert main(["teardown", "--profile", "of-a-test"], project) == 0
    found = {path.name for path in project.state.iterdir()} if project.state.exists() else set()
    assert found == left
    path = project.artifacts("of-a-test") / "latest" / "report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    assert sum(step["changed"] for step in report["steps"]) == changed
