"""The exit codes of the command line, and which kind of failure leads to which."""

from __future__ import annotations

from enum import IntEnum

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind


class Exit(IntEnum):
    """How a command ended, for its caller."""

    HOLDS = 0
    OUTCOME_FAILED = 1
    BAD_INPUT = 2
    MACHINE_NOT_READY = 3
    STEP_FAILED = 4
    INTERRUPTED = 130


# Keyed by text, since failures come from Ansible as JSON.
_BY_KIND = {
    "outcome": Exit.OUTCOME_FAILED,
    Kind.INPUT.value: Exit.BAD_INPUT,
    Kind.MACHINE.value: Exit.MACHINE_NOT_READY,
    Kind.STEP.value: Exit.STEP_FAILED,
}


def exit_of(kind: str) -> Exit:
    """The exit code for a kind of failure; an unknown kind counts as a failed step."""
    return _BY_KIND.get(kind, Exit.STEP_FAILED)
