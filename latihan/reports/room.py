"""What became of a room of lab machines: room.json, room.html and junit.xml in artifacts/ROOM/."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from junitparser import Error, JUnitXml, Skipped, TestCase, TestSuite
from junitparser import Failure as Failed
from pydantic import Field, ValidationError

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record
from ansible_collections.latihan.lab.plugins.plugin_utils.machines import records
from ansible_collections.latihan.lab.plugins.plugin_utils.machines.records import MachineRecord
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import exercises
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.exercises import (
    Exercise,
    ExerciseState,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Verdict
from latihan.base.exits import Exit, exit_of
from latihan.reports import junit, report
from latihan.reports.exercises import became
from latihan.reports.models import Report

PAGE, DATA, SUITES = "room.html", "room.json", "junit.xml"
_AWAY = "It went away while its lab was made."
_AWAY_HINT = (
    "See that it is on and that sshd runs there, then run it again: it goes on where it was."
)


class RoomMachine(Record):
    """A machine of the room, and what its lab proved."""

    name: str
    address: str
    exit_code: Exit = Field(description="As docs/commands.md has it; 3 if it can't be reached.")
    message: str = Field(description="What is wrong; empty if nothing is.")
    hint: str = Field(description="What to do about it; may be empty.")
    step: str = Field(description="Where it failed, if not in its lab.")
    unit: bool = Field(description="Whether systemd starts its lab after a reboot.")
    seconds: float
    report: str = Field(description="Its report, from this folder; empty if there is none.")
    verdicts: dict[str, Verdict] = Field(description="Each outcome's verdict, by its id.")
    titles: dict[str, str] = Field(description="Each outcome's title, by its id.")
    exercises: list[Exercise] = Field(description="Its exercises, the last one last.")

    @property
    def held(self) -> int:
        """How many outcomes hold."""
        return sum(each is Verdict.PASS for each in self.verdicts.values())

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with its lab, not even on purpose."""
        open_ones = [each for each in self.exercises if each.state is ExerciseState.OPEN]
        return self.exit_code is Exit.HOLDS and not open_ones

    @property
    def exercise(self) -> str:
        """The last exercise in words; empty if there was none."""
        return f"{self.exercises[-1].name}: {became(self.exercises[-1])}" if self.exercises else ""


class Room(Record):
    """What room.json holds; who needs help comes first."""

    version: Literal[1] = 1
    room: str
    exit_code: Exit = Field(description="The worst of the machines.")
    machines: list[RoomMachine]

    @property
    def outcomes(self) -> dict[str, str]:
        """The titles of all outcomes that a machine has, by their ids, in the order of the ids."""
        titles = {key: title for each in self.machines for key, title in each.titles.items()}
        return dict(sorted(titles.items(), key=lambda each: _order(each[0])))


def _order(key: str) -> tuple[str, int]:
    letters = key.rstrip("0123456789")
    return letters, int(key[len(letters) :] or 0)


def read(folder: Path) -> Room:
    """The room whose machines have their folders in this one."""
    noted = sorted(folder.glob(f"*/{records.FILE}"))
    return build(folder.name, [_machine(path.parent) for path in noted])


def build(name: str, machines: Iterable[RoomMachine]) -> Room:
    """The room of these machines: its exit code is the worst, and who needs help comes first."""
    ordered = sorted(machines, key=lambda each: (-each.exit_code, each.held, each.name))
    worst = max((each.exit_code for each in ordered), default=Exit.HOLDS)
    return Room(room=name, exit_code=worst, machines=ordered)


def _machine(own: Path) -> RoomMachine:
    done = list[Exercise]()
    try:
        noted = records.read(own)
        done = exercises.read(own)
    except (OSError, ValidationError) as error:
        text = f"What is noted in {own} can't be read: {error}"
        noted = MachineRecord(machine=own.name, address="", state="failed", message=text)
    return of_record(noted, _report(own), done)


def _report(own: Path) -> Report | None:
    try:
        return report.load(own)
    except (LabError, OSError):
        return None


def of_record(noted: MachineRecord, found: Report | None, done: list[Exercise]) -> RoomMachine:
    """What is known of a machine, from its record, its report and its exercises."""
    code = Exit.HOLDS
    message, hint = noted.message, noted.hint
    if noted.state == "begun":
        code, message, hint = Exit.MACHINE_NOT_READY, _AWAY, _AWAY_HINT
    elif noted.code or noted.state == "failed":
        code = exit_of(noted.kind)
    outcomes = found.outcomes if found else []
    return RoomMachine(
        name=noted.machine,
        address=noted.address,
        exit_code=code,
        message=message,
        hint=hint,
        step=noted.step,
        unit=noted.unit,
        seconds=noted.seconds,
        report=f"{noted.machine}/report.html" if found else "",
        verdicts={each.id: each.verdict for each in outcomes},
        titles={each.id: each.title for each in outcomes},
        exercises=done,
    )


def to_json(room: Room) -> str:
    """The room as the text of its file."""
    return json.dumps(room.plain(), indent=2, ensure_ascii=False) + "\n"


def suites(room: Room, reports: dict[str, Report]) -> str:
    """A suite for each machine: its outcomes, and its lab, which is an error if it isn't there.

    Args:
        room: the room.
        reports: the machines' reports, by the machines' names.
    """
    whole = JUnitXml()
    for machine in room.machines:
        suite = TestSuite(junit.clean(machine.name))
        lab = TestCase("lab", "machine", machine.seconds)
        if machine.exit_code > Exit.OUTCOME_FAILED:
            error = Error(junit.clean(machine.message))
            error.text = junit.clean(machine.hint)
            lab.result = [error]
        suite.add_testcase(lab)
        if found := reports.get(machine.name):
            suite.add_testcases([junit.outcome_case(each) for each in found.outcomes])
        suite.add_testcases([_exercise_case(each) for each in machine.exercises])
        whole.add_testsuite(suite)
    whole.update_statistics()
    written: bytes = whole.tostring()
    return written.decode("utf-8")


def _exercise_case(done: Exercise) -> TestCase:
    """An exercise: a failure while it is open, skipped if somebody took the fault out."""
    case = TestCase(f"exercise {done.name}", "exercises", (done.ended or done.begun) - done.begun)
    if done.state is ExerciseState.OPEN:
        case.result = [Failed(junit.clean(became(done)))]
    elif done.state is ExerciseState.TAKEN_OUT:
        case.result = [Skipped(junit.clean(became(done)))]
    return case


def reports(folder: Path, room: Room) -> dict[str, Report]:
    """The reports of the machines that have one, by the machines' names."""
    found = {each.name: _report(folder / each.name) for each in room.machines}
    return {name: each for name, each in found.items() if each is not None}
