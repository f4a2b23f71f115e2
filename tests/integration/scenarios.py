"""Molecule, as the tests run it: alone, or beside other tests."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.integration.labs import STATE, Beside, Done, runner
from tests.integration.machine_state import snapshot

# The lab that the scenarios share, and that of the scenario that stops nodes.
PROFILES = ("latihan-molecule", "latihan-power")
_PLAIN = {"NO_COLOR": "1", "MOLECULE_COMMAND_BORDERS": "0"}
_WITHIN = 1800.0
_ENDS_WITHIN = 5.0


def begun(*arguments: str) -> Beside:
    """Molecule as a user runs it, from the project's root, without colours and borders."""
    return Beside([Path(sys.executable).with_name("molecule"), *arguments], _PLAIN)


def molecule(*arguments: str) -> Done:
    """How a run of Molecule ended; nothing of it stays if it is interrupted."""
    run = begun(*arguments)
    try:
        return run.done(_WITHIN)
    finally:
        run.end(_ENDS_WITHIN)


@dataclass(frozen=True)
class Run:
    """A run of all scenarios, and how the machine was before it."""

    done: Done
    before: Mapping[str, list[str]]


class Scenarios:
    """All scenarios while they run, two at a time, beside other tests."""

    def __init__(self) -> None:
        destroy()  # a lab of an earlier run
        self._before = snapshot()
        self._run = begun("test", "--all", "--workers", "2")

    def done(self) -> Run:
        """How they ended; waits until they have."""
        return Run(self._run.done(_WITHIN), self._before)

    def put_away(self) -> None:
        """End them if they still run, and leave no lab of theirs."""
        self._run.end(_ENDS_WITHIN)
        if any((STATE / profile).exists() for profile in PROFILES):
            destroy()


def destroy() -> None:
    """Leave no lab of the scenarios, and nothing that Molecule remembers of one."""
    molecule("destroy")
    for profile in PROFILES:
        if (STATE / profile).exists():
            runner("teardown", "--profile", profile)
