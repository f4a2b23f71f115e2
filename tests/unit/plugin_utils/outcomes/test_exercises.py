"""An exercise is begun, hinted at, checked, mended or taken out; its note says which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import exercises, faults
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.exercises import ExerciseState
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import layout
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.memory import Memory
from tests.unit.plugin_utils.outcomes.test_faults import FAULT, lab

FOUND = FAULT.model_copy(update={"fails": ["S3"], "name": "file-there"})

__all__ = ["lab"]


@pytest.fixture(autouse=True)
def outcomes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An outcome fails while the fault's file is there."""

    def failing(_lab: Lab, asked: Sequence[OutcomeEntry]) -> list[str]:
        return [each.id for each in asked if (tmp_path / "fault").exists()]

    monkeypatch.setattr(exercises, "failing", failing)
    monkeypatch.setattr(exercises, "_SEEN_WITHIN", 0.0)


def test_it_is_mended_by_hand(lab: Lab, tmp_path: Path) -> None:
    assert exercises.begin(lab, tmp_path, FOUND)
    assert not exercises.begin(lab, tmp_path, FOUND)
    known = exercises.current(tmp_path)
    assert known.symptoms.keys() == {"S3"}
    assert FOUND.title not in known.symptoms.values()
    assert exercises.check(lab, tmp_path)[1] == ["S3"]
    assert exercises.hint(tmp_path)[1] == "Look at the layer link."
    assert [exercises.hint(tmp_path)[1] for _ in range(2)] == ["A file is there."] * 2
    (tmp_path / "fault").unlink()
    mended, failed = exercises.check(lab, tmp_path)
    assert (mended.state, mended.checks, len(mended.hints)) == (ExerciseState.MENDED, 2, 2)
    assert failed == []
    assert exercises.check(lab, tmp_path)[0] == mended
    assert faults.placed(tmp_path) == []
    with pytest.raises(LabError, match="The exercise is mended"):
        exercises.hint(tmp_path)


def test_whoever_takes_the_fault_out_has_not_mended_it(lab: Lab, tmp_path: Path) -> None:
    exercises.begin(lab, tmp_path, FOUND)
    exercises.take_out(lab, tmp_path)
    assert exercises.check(lab, tmp_path)[0].state is ExerciseState.TAKEN_OUT
    exercises.begin(lab, tmp_path, FOUND)
    exercises.begin(lab, tmp_path, FOUND.model_copy(update={"name": "another"}))
    states = [each.state.value for each in exercises.read(tmp_path)]
    assert states == ["taken out", "taken out", "open"]


def test_a_lab_with_its_note_is_one_that_can_be_removed(lab: Lab, tmp_path: Path) -> None:
    profile = Profile("uji", tmp_path)
    profile.folder.mkdir()
    exercises.begin(lab, profile.folder, FOUND)
    exercises.take_out(lab, profile.folder)
    assert [each.name for each in profile.folder.iterdir()] == [exercises.NOTE]
    assert layout.is_lab(profile.folder)
    Memory("existing", object).remove(profile)
    assert not profile.folder.exists()


def test_a_lab_that_is_broken_already_has_no_exercise(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "fault").touch()
    with pytest.raises(LabError, match=r"Before the exercise these don't hold: S3\."):
        exercises.begin(lab, tmp_path, FOUND)
    assert faults.placed(tmp_path) == []


def test_a_fault_that_nobody_would_see_is_none(lab: Lab, tmp_path: Path) -> None:
    nothing = [faults.FaultStep(at="host", run="true")]
    unseen = FOUND.model_copy(update={"put_in": nothing, "undo": nothing})
    for chosen, said in ((unseen, "isn't seen"), (FAULT, "No outcome fails")):
        with pytest.raises(LabError, match=said):
            exercises.begin(lab, tmp_path, chosen)
    assert faults.placed(tmp_path) == []
    with pytest.raises(LabError, match="no exercise in this lab"):
        exercises.current(tmp_path)
