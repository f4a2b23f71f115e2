"""The events of ansible-runner, with types. Pure.

The shape of the raw events is ansible-runner's: an ``event`` name, the ``stdout`` that Ansible
printed meanwhile, and ``event_data``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import PREFIX


class Status(StrEnum):
    """How a task ended on a host."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"
    IGNORED = "ignored"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class PlayStarted:
    """A play begins."""

    name: str


@dataclass(frozen=True)
class TaskStarted:
    """A task begins on a host."""

    name: str
    role: str
    path: str
    host: str = ""


@dataclass(frozen=True)
class TaskEnded:
    """A task ended on one host.

    ``result`` is what it returned, ``action`` the full name of its module, ``duration`` in seconds.
    """

    name: str
    role: str
    path: str
    host: str
    status: Status
    changed: bool
    duration: float
    result: Mapping[str, Any] = field(default_factory=dict)
    action: str = ""


@dataclass(frozen=True)
class ProgressMade:
    """How far a long step is; ``total`` is 0 if that is unknown."""

    label: str
    done: int
    total: int


@dataclass(frozen=True)
class RunEnded:
    """Ansible's own count of failures that stood and failures that were rescued, per host."""

    failures: Mapping[str, int]
    rescued: Mapping[str, int]


@dataclass(frozen=True)
class Printed:
    """A line of Ansible that belongs to no task, such as a warning or a syntax error."""

    text: str


Event = PlayStarted | TaskStarted | TaskEnded | ProgressMade | RunEnded | Printed

_OWN = "latihan.lab."
_ENDS = {
    "runner_on_ok": Status.OK,
    "runner_on_skipped": Status.SKIPPED,
    "runner_on_failed": Status.FAILED,
    "runner_on_unreachable": Status.UNREACHABLE,
}


def parse(raw: Mapping[str, Any]) -> Event | None:
    """A raw event of ansible-runner as a typed one; None if it is not needed."""
    kind = str(raw.get("event", ""))
    data = _members(raw.get("event_data"))
    match kind:
        case "playbook_on_play_start":
            return PlayStarted(str(data.get("name") or data.get("play") or ""))
        case "runner_on_start":
            return TaskStarted(*_task(data), host=str(data.get("host") or ""))
        case "playbook_on_stats":
            return RunEnded(_counts(data.get("failures")), _counts(data.get("rescued")))
        case "verbose" | "error" | "warning" | "deprecated":
            return _printed(str(raw.get("stdout") or ""))
        case _ if kind in _ENDS:
            return _ended(_ENDS[kind], data)
        case _:
            return None


def _printed(text: str) -> Event | None:
    if not text.startswith(PREFIX):
        return Printed(text) if text.strip() else None
    try:
        report = json_text.read(text.removeprefix(PREFIX))
    except ValueError:
        return None
    match report:
        case {"label": str(label), "done": int(done), "total": int(total)}:
            return ProgressMade(label, done, total)
    return None


def _task(data: Mapping[str, Any]) -> tuple[str, str, str]:
    """A task's name, its role (our own by their short names), and its ``file:line``."""
    role = str(data.get("role") or "")
    name = str(data.get("task") or data.get("name") or "").removeprefix(f"{role} : ")
    return name, role.removeprefix(_OWN), str(data.get("task_path") or "")


def _ended(status: Status, data: Mapping[str, Any]) -> TaskEnded:
    result = _members(data.get("res"))
    if status is Status.FAILED and data.get("ignore_errors"):
        status = Status.IGNORED
    return TaskEnded(
        *_task(data),
        host=str(data.get("host") or ""),
        status=status,
        changed=bool(result.get("changed")),
        duration=_seconds(data.get("duration")),
        result=result,
        action=str(data.get("resolved_action") or data.get("task_action") or ""),
    )


def _members(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _counts(value: object) -> dict[str, int]:
    return {str(name): each for name, each in _members(value).items() if isinstance(each, int)}


def _seconds(value: object) -> float:
    """A duration; 0 if it is none."""
    return value if isinstance(value, float) and value >= 0 and math.isfinite(value) else 0.0
