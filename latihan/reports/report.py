"""The machine-readable report of a run, and the folder it is kept in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import suggestions
from latihan.base.exits import Exit
from latihan.run.model import RunModel
from latihan.run.outcomes import by_id, count

SCHEMA = Path(__file__).parent / "schemas" / "report.schema.json"
VERSION = 1
# This many of the newest runs are named where one is not found.
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


def document(about: About, model: RunModel) -> dict[str, Any]:
    """The report of a run as its JSON Schema describes it."""
    return {
        "version": VERSION,
        "playbook": about.playbook,
        "profile": about.profile,
        "provider": about.provider,
        "command": about.command,
        "kubernetes_version": model.kubernetes_version,
        "started": about.started.isoformat(timespec="seconds"),
        "duration_s": round(about.duration, 3),
        "spent_s": {name: round(seconds, 3) for name, seconds in model.spent.items()},
        "exit_code": int(about.code),
        "verdicts": count(model.outcomes.values()),
        "outcomes": [
            {
                "expected": each.expected,
                "observed": each.observed,
                "evidence": [],
                **each.document,
                "id": each.id,
                "title": each.title,
                "verdict": each.verdict.value,
                "reason": each.reason,
                "duration_s": each.duration,
            }
            for each in by_id(model.outcomes.values())
        ],
        "facts": model.facts,
        "steps": [
            {
                "name": step.name,
                "play": step.play,
                "role": step.role,
                "tasks": step.tasks,
                "changed": step.changed,
                "skipped": step.skipped,
                "failed": any(failure in model.failures for failure in step.failures),
                "duration_s": round(step.duration, 3),
            }
            for step in model.steps
        ],
        "slowest": [
            {
                "task": task.name,
                "step": task.step,
                "place": task.place,
                "duration_s": round(task.duration, 3),
            }
            for task in model.slowest
        ],
        "failures": [
            {
                "task": failure.task,
                "role": failure.role,
                "host": failure.host,
                "path": failure.path,
                "line": failure.line,
                "kind": failure.kind,
                "message": failure.message,
                "hint": failure.hint,
                "detail": failure.detail,
            }
            for failure in model.failures
        ],
    }


def new_folder(artifacts: Path, playbook: str, started: datetime) -> Path:
    """A folder of its own for one run, named by its time and its playbook."""
    artifacts.mkdir(parents=True, exist_ok=True)
    name = f"{started:%Y%m%dT%H%M%SZ}-{playbook}"
    number = 1
    while True:
        folder = artifacts / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
        number += 1


def point_latest(folder: Path) -> None:
    """Let ``latest``, beside the runs, lead to this one."""
    new = folder.parent / ".latest.new"
    new.unlink(missing_ok=True)
    new.symlink_to(folder.name)
    new.replace(folder.parent / "latest")


def write(path: Path, content: str) -> None:
    """Write a file in one step: readers see all of it or nothing."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8", errors="backslashreplace") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    new.replace(path)


def dumped(report: Mapping[str, Any]) -> str:
    """A report as the text of its file."""
    return json.dumps(report, indent=2, ensure_ascii=False, default=str) + "\n"


def find(artifacts: Path, run: str) -> Path:
    """The folder of a run.

    Args:
        artifacts: the folder of all runs of a profile.
        run: the name of a run, or ``latest``.

    Raises:
        LabError: there is no such run.
    """
    folder = artifacts / run
    if run and "/" not in run and (folder / "report.json").is_file():
        return folder.resolve()
    if run == "latest":
        raise LabError(
            f"The profile {artifacts.name!r} has no report yet.",
            "Run something first, such as `python3 runner.py full-lab`.",
            Kind.INPUT,
        )
    known = runs(artifacts)
    there = f"There is {', '.join(known[-_NAMED:])}." if known else f"{artifacts} has none."
    raise LabError(
        f"There is no run {run!r} of the profile {artifacts.name!r}.",
        f"{suggestions.hint(run, known)} {there}".strip(),
        Kind.INPUT,
    )


def runs(artifacts: Path) -> list[str]:
    """The names of a profile's runs that have a report, oldest first."""
    found = (path.parent.name for path in artifacts.glob("*/report.json"))
    return sorted(name for name in found if name != "latest")


def load(folder: Path) -> dict[str, Any]:
    """The report of a run; LabError where it is damaged."""
    path = folder / "report.json"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LabError(f"{path} is no report: {error}.", "Run the playbook again.") from error
    if not isinstance(report, dict):
        raise LabError(f"{path} is no report.", "Run the playbook again.")
    return report
