"""Molecule, as the tests run it: apart, or beside other tests."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.integration.labs import STATE, Beside, Done, runner
from tests.integration.machine_state import snapshot

# What the scenarios share, and the one that stops nodes has for itself.
PROFILES = ("latihan-molecule", "latihan-power")
_PLAIN = {"NO_COLOR": "1", "MOLECULE_COMMAND_BORDERS": "0"}
_WITHIN = 1800.0
_ENDS_WITHIN = 5.0


def begun(*arguments: str) -> Beside:
    """Molecule as a user runs it, from the project's root, without colours and borders."""
    return Beside([Path(sys.executable).with_name("molecule"), *arguments], _PLAIN)


def molecule(*arguments: str) -> Done:
    """What a run of Molecule comes to; nothing of it stays where it is broken off."""
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
    """All scenarios as they run, two at a time: other tests have a third of the machine."""

    def __init__(self) -> None:
        destroy()  # a lab of an earlier run
        self._before = snapshot()
        self._run = begun("test", "--all", "--workers", "2")

    def done(self) -> Run:
        """What they came to, once they have ended."""
        return Run(self._run.done(_WITHIN), self._before)

    def put_away(self) -> None:
        """End them where they still run, and leave no lab of theirs."""
        self._run.end(_ENDS_WITHIN)
        if any((STATE / profile).exists() for profile in PROFILES):
            destroy()


def destroy() -> None:
    """Leave no lab of the scenarios, and nothing that Molecule remembers of one."""
    molecule("destroy")
    for profile in PROFILES:
        if (STATE / profile).exists():
            runner("teardown", "--profile", profile)
