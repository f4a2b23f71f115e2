"""Why a task failed, read from its result. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record
from latihan.run.events import Status, TaskEnded

OUTCOME = "outcome"
_LINE = re.compile("[0-9]{1,9}")
_EMPTY = ("", "(traceback unavailable)")
_RAW_OUTPUT = ("detail", "stderr", "module_stderr", "stdout", "module_stdout", "exception")


class Failure(Record):
    """A task that failed, and was neither rescued nor ignored.

    ``path`` and ``line`` are the task's; empty and 0 if Ansible doesn't say.
    """

    task: str
    role: str
    host: str
    path: str
    line: int = Field(ge=0)
    kind: str = Field(
        description="What failed: the input, the machine or a step. `outcome` only repeats that an "
        "outcome does not hold."
    )
    message: str
    hint: str
    detail: str = Field(description="Raw output.")

    @property
    def place(self) -> str:
        """The task's file and line, as editors take it."""
        return f"{self.path}:{self.line}" if self.line else self.path


def failure_of(event: TaskEnded) -> Failure:
    """The failure that a failed task's result describes."""
    part = _failed_part(event.result)
    path, _, line = event.path.rpartition(":")
    return Failure(
        task=event.name,
        role=event.role,
        host=event.host,
        path=path if _LINE.fullmatch(line) else event.path,
        line=int(line) if _LINE.fullmatch(line) else 0,
        kind=_kind(part),
        message=_message(part, event.status),
        hint=_text(part.get("hint")),
        detail=_detail(part),
    )


def _failed_part(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a result that says why: for a loop, the first item that failed."""
    items = result.get("results")
    failed = (
        [item for item in items if isinstance(item, dict) and item.get("failed")]
        if isinstance(items, list)
        else []
    )
    return failed[0] if failed else result


def _kind(part: Mapping[str, Any]) -> str:
    kind = part.get("latihan_error")
    if kind:
        return str(kind)
    # Ansible's own check of a role's options: what was given is wrong.
    return Kind.INPUT.value if part.get("argument_errors") else Kind.STEP.value


def _message(part: Mapping[str, Any], status: Status) -> str:
    if part.get("argument_errors"):
        errors = part["argument_errors"]
        return "; ".join(map(_text, errors if isinstance(errors, list) else [errors]))
    message = _text(part.get("msg") or part.get("message"))
    if message:
        return message
    return "the host can't be reached" if status is Status.UNREACHABLE else "no reason was given"


def _detail(part: Mapping[str, Any]) -> str:
    said = [_text(part.get(key)) for key in _RAW_OUTPUT]
    return "\n".join(dict.fromkeys(text for text in said if text not in _EMPTY))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(str(part) for part in value)
    return str(value).strip()
