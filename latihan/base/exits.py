"""The exit codes of the command line, and which kind of trouble leads to which."""

from __future__ import annotations

from enum import IntEnum

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind


class Exit(IntEnum):
    """How a command ended, for whoever called it."""

    HOLDS = 0
    OUTCOME_FAILED = 1
    BAD_INPUT = 2
    MACHINE_LACKS = 3
    STEP_FAILED = 4
    INTERRUPTED = 130


# By its text, since failures cross from Ansible as JSON.
_BY_KIND = {
    "outcome": Exit.OUTCOME_FAILED,
    Kind.INPUT.value: Exit.BAD_INPUT,
    Kind.MACHINE.value: Exit.MACHINE_LACKS,
    Kind.STEP.value: Exit.STEP_FAILED,
}


def exit_of(kind: str) -> Exit:
    """The exit code for a kind of trouble; a kind that nobody knows is a failed step."""
    return _BY_KIND.get(kind, Exit.STEP_FAILED)
