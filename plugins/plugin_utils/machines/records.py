"""What is noted of each lab machine, in artifacts/ROOM/MACHINE/machine.json on the controller."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record

FILE = "machine.json"
FETCHED = ("report.json", "report.html", "junit.xml", "exercises.json")


class MachineRecord(Record):
    """How far a machine has come in the last run."""

    machine: str
    address: str
    state: Literal["begun", "failed", "ended"]
    step: str = Field(default="", description="The task that failed.")
    code: int | None = Field(default=None, description="The exit code of the lab's run there.")
    message: str = Field(default="", description="What is wrong; empty if nothing is.")
    hint: str = ""
    kind: str = Field(
        default="", description="Whose trouble it is: machine, step, input or outcome."
    )
    held: int = Field(default=0, description="How many outcomes were seen to hold.")
    unit: bool = Field(default=False, description="Whether systemd starts it after a reboot.")
    started: float = Field(default=0.0, description="In seconds since the epoch.")
    seconds: float = 0.0


def begin(folder: Path, machine: str, address: str, *, keep: bool = False) -> None:
    """Note that a machine's turn has come; what an earlier run left goes, unless it is kept."""
    own = folder / machine
    with refusals.translated(folder):
        own.mkdir(parents=True, exist_ok=True)
        for name in () if keep else FETCHED:
            (own / name).unlink(missing_ok=True)
        _write(
            own, MachineRecord(machine=machine, address=address, state="begun", started=time.time())
        )


def update(folder: Path, machine: str, changes: Mapping[str, object]) -> MachineRecord:
    """Note more of a machine whose turn has come; returns all that is known."""
    own = folder / machine
    with refusals.translated(folder):
        known = read(own)
        seconds = round(time.time() - known.started, 1)
        record = known.model_copy(update={**changes, "seconds": seconds})
        _write(own, record)
    return record


def read(own: Path) -> MachineRecord:
    """What is noted in a machine's folder."""
    return MachineRecord.model_validate_json((own / FILE).read_bytes())


def _write(own: Path, record: MachineRecord) -> None:
    new = own / f".{FILE}.new"
    new.write_text(json.dumps(record.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
    new.replace(own / FILE)
