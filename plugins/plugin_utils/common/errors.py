"""The one error type of the collection, and its kinds."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What caused an error; the command line maps each kind to an exit code.

    ``INPUT``: what the user asked for is not possible (exit 2, nothing was changed).
    ``MACHINE``: the machine is missing something (exit 3).
    ``STEP``: a step of the lab failed (exit 4).
    ``OUTCOME``: every step worked, but an outcome does not hold (exit 1).
    """

    INPUT = "input"
    MACHINE = "machine"
    STEP = "step"
    OUTCOME = "outcome"


class LabError(Exception):
    """An error that a person can act on.

    Args:
        message: what went wrong and where, in one line.
        hint: what to do about it, in one line; may be empty.
        kind: what caused it.
        detail: raw output that helps, shown under the message; may be empty.
    """

    def __init__(
        self, message: str, hint: str = "", kind: Kind = Kind.STEP, detail: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
