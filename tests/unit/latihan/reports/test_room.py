"""The room of machines: who needs help first, the worst code, the page, JUnit."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.machines import records
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import exercises
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.exercises import (
    Exercise,
    ExerciseState,
)
from latihan.base.exits import Exit
from latihan.commands import room as command
from latihan.commands.room import read_of
from latihan.reports import page, report, room
from tests.unit.latihan.reports.page.sample import outcome, read
from tests.unit.latihan.reports.page.sample import report as document


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("good", "gone", "full"):
        records.begin(tmp_path, name, "192.0.2.1")
    report.write(
        tmp_path / "good" / "report.json",
        report.to_json(read(document(outcome("P1"), outcome("S10")))),
    )
    records.update(tmp_path, "good", {"state": "ended", "code": 0})
    trouble = {"state": "failed", "message": "Its <disk> is full.", "kind": "step"}
    records.update(tmp_path, "full", trouble)
    return tmp_path


def test_who_needs_help_comes_first(folder: Path) -> None:
    found = room.read(folder)
    assert [each.name for each in found.machines] == ["full", "gone", "good"]
    assert found.exit_code == Exit.STEP_FAILED
    codes = [each.exit_code for each in found.machines]
    assert codes == [Exit.STEP_FAILED, Exit.MACHINE_NOT_READY, Exit.HOLDS]
    assert "went away" in found.machines[1].message
    assert found.machines[2].held > 0
    assert read_of(folder, ["good"]).exit_code == Exit.HOLDS


def test_the_files_say_the_same(folder: Path) -> None:
    command.write(folder)
    data = json.loads((folder / room.DATA).read_text(encoding="utf-8"))
    assert data["exit_code"] == 4
    suites = ET.parse(folder / room.SUITES).getroot().findall("testsuite")
    assert [each.get("name") for each in suites] == ["full", "gone", "good"]
    assert [each.get("errors") for each in suites] == ["1", "1", "0"]
    text = (folder / room.PAGE).read_text(encoding="utf-8")
    assert "1 of 3 labs hold" in text
    assert "Its &lt;disk&gt; is full." in text
    assert 'href="good/report.html"' in text


def test_exercises_are_on_the_page_and_in_junit(folder: Path) -> None:
    done = Exercise(name="drop-web", symptoms={"S3": "It answers"}, clues=[], begun=60.0, checks=1)
    mended = {"state": ExerciseState.MENDED, "ended": 120.0, "hints": [90.0]}
    noted = folder / "good" / exercises.NOTE
    noted.write_text(json.dumps([done.model_copy(update=mended).plain()]), encoding="utf-8")
    (folder / "full" / exercises.NOTE).write_text(json.dumps([done.plain()]), encoding="utf-8")
    found = command.write(folder)
    good, full = found.machines[2], found.machines[0]
    assert good.exercise == "drop-web: mended, 1 hint, 1 check, 1 min 00 s"
    assert good.holds
    records.update(folder, "full", {"state": "ended", "code": 0})
    assert [each.holds for each in room.read(folder).machines] == [False, False, True]
    text = (folder / room.PAGE).read_text(encoding="utf-8")
    assert good.exercise in text
    assert full.exercise in text
    suites = ET.parse(folder / room.SUITES).getroot().findall("testsuite")
    assert {each.get("name"): each.get("failures") for each in suites}["full"] == "1"


def test_a_damaged_record_is_a_machine_in_trouble(folder: Path) -> None:
    (folder / "good" / records.FILE).write_text("{", encoding="utf-8")
    (found,) = [each for each in room.read(folder).machines if each.name == "good"]
    assert found.exit_code == Exit.STEP_FAILED
    assert "can't be read" in found.message


def test_an_empty_room_has_a_page() -> None:
    assert "0 of 0" in page.render_room(room.build("none", []))
