"""The machine-readable report of a run, and the folder it is kept in."""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import fault
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.verdicts import count
from latihan.base import suggestions
from latihan.base.exits import Exit
from latihan.reports.models import VERSION, Report, Spent, StepRecord, TaskRecord, VerdictCounts
from latihan.run.model import RunModel
from latihan.run.outcomes import by_id

SCHEMA = Path(__file__).parent / "schemas" / "report.schema.json"
LOG = "ansible.log"
# What new_folder calls a run's folder.
_RUN = re.compile(r"\d{8}T\d{6}Z-")
ELSEWHERE = "Free space or make it writable, or set LATIHAN_ARTIFACTS to a folder elsewhere."
# This many of the newest runs are named if one is not found.
_NAMED = 8


@dataclass(frozen=True)
class About:
    """What was run; ``started`` is in UTC, ``duration`` in seconds."""

    playbook: str
    profile: str
    provider: str
    command: str
    started: datetime
    duration: float
    code: Exit


def build(about: About, model: RunModel) -> Report:
    """The report of a run."""
    return Report(
        version=VERSION,
        playbook=about.playbook,
        profile=about.profile,
        provider=about.provider,
        command=about.command,
        kubernetes_version=model.kubernetes_version,
        started=about.started.replace(microsecond=0),
        duration_s=round(about.duration, 3),
        spent_s=Spent(**{name: round(seconds, 3) for name, seconds in model.spent.items()}),
        exit_code=about.code,
        verdicts=VerdictCounts.model_validate(count(model.outcomes.values())),
        outcomes=by_id(model.outcomes.values()),
        facts=model.facts,
        last_moment=model.last_moment,
        steps=[
            StepRecord(
                name=step.name,
                play=step.play,
                role=step.role,
                tasks=step.tasks,
                changed=step.changed,
                skipped=step.skipped,
                failed=any(failure in model.failures for failure in step.failures),
                began_s=round(max(0.0, step.started - model.began), 3),
                duration_s=round(step.duration, 3),
            )
            for step in model.steps
            if step.tasks  # Not if all of them were skipped.
        ],
        slowest=[
            TaskRecord(
                task=task.name,
                step=task.step,
                place=task.place,
                duration_s=round(task.duration, 3),
            )
            for task in model.slowest
        ],
        failures=model.failures,
    )


def new_folder(artifacts: Path, playbook: str, started: datetime) -> Path:
    """Make a new folder for one run, named after its time and its playbook.

    Raises:
        LabError: it can't be made.
    """
    name = f"{started:%Y%m%dT%H%M%SZ}-{playbook}"
    number = 1
    try:
        artifacts.mkdir(parents=True, exist_ok=True)
        while True:
            folder = artifacts / (name if number == 1 else f"{name}-{number}")
            with suppress(FileExistsError):
                folder.mkdir()
                return folder
            number += 1
    except OSError as error:
        message = refusals.refusal_of(error, [artifacts]).message
        raise LabError(message, ELSEWHERE, Kind.MACHINE) from error


def remove_old(artifacts: Path, kept: int) -> None:
    """Remove the oldest runs of a profile, so that this many stay.

    What isn't a run stays, and so does the run that ``latest`` shows. A run that can't be removed
    is tried again after the next one.
    """
    shown = (artifacts / "latest").resolve()
    found = (path for path in artifacts.iterdir() if _RUN.match(path.name))
    runs = sorted(path for path in found if not path.is_symlink() and (path / LOG).is_file())
    for folder in runs[:-kept]:
        if folder.resolve() != shown:
            shutil.rmtree(folder, ignore_errors=True)


def point_latest(folder: Path) -> str:
    """Point the link ``latest``, beside the runs, to this one; returns why it can't, or nothing."""
    latest, new = folder.with_name("latest"), folder.with_name(f".latest.{folder.name}")
    new.symlink_to(folder.name)
    try:
        new.replace(latest)
    except IsADirectoryError:  # Somebody's own: it stays.
        new.unlink()
        return f"{latest} is a folder, and doesn't lead to this run. Move it away."
    return ""


def write(path: Path, content: str) -> None:
    """Write a file in one step: readers see all of it or nothing."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="utf-8", errors="backslashreplace") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def to_json(report: Report) -> str:
    """A report as the text of its file."""
    return json.dumps(report.plain(), indent=2, ensure_ascii=False) + "\n"


def find(artifacts: Path, run: str) -> Path:
    """The folder of a run.

    Args:
        artifacts: the folder of all runs of a profile.
        run: the name of a run, or ``latest``.

    Raises:
        LabError: there is no such run.
    """
    names = runs(artifacts)
    folder = artifacts / run
    if run in names or (run == "latest" and (folder / "report.json").is_file()):
        return folder.resolve()
    if run == "latest":
        raise LabError(
            f"The profile {artifacts.name!r} has no report yet.",
            "Run something first, such as `python3 runner.py full-lab`.",
            Kind.INPUT,
        )
    newest = ", ".join(names[-_NAMED:])
    otherwise = f"The newest are: {newest}." if names else f"There are none in {artifacts}."
    raise LabError(
        f"There is no run {run!r} of the profile {artifacts.name!r}.",
        f"{suggestions.hint(run, names)} {otherwise}".strip(),
        Kind.INPUT,
    )


def runs(artifacts: Path) -> list[str]:
    """The names of a profile's runs that have a report, oldest first."""
    found = (path.parent.name for path in artifacts.glob("*/report.json") if path.is_file())
    return sorted(name for name in found if name != "latest")


def load(folder: Path) -> Report:
    """The report of a run.

    Raises:
        LabError: it is damaged, or of another version of the report.
    """
    path = folder / "report.json"
    try:
        return from_text(path.read_text(encoding="utf-8"))
    except OtherVersionError as error:
        raise LabError(
            f"{path} has {error}.",
            "Run the playbook again, or open the page beside it.",
            Kind.INPUT,
        ) from error
    except ValueError as error:
        raise LabError(
            f"{path} is not a report: {error}.", "Run the playbook again.", Kind.INPUT
        ) from error


class OtherVersionError(ValueError):
    """A report of an older or newer version."""


def from_text(text: str) -> Report:
    """The report in the text of its file.

    Raises:
        ValueError: it is damaged; an OtherVersionError if it only has another version.
    """
    try:
        document = json.loads(text)
        version = document.get("version") if isinstance(document, dict) else None
        if type(version) is int and version != VERSION:
            raise OtherVersionError(
                f"version {version} of the report; only version {VERSION} can be read"
            )
        return Report.model_validate(document)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValidationError as error:
        raise ValueError(fault(error)) from error
