"""How far each machine of a room is, from the raw events of Ansible's run. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.machines import failures

_PREFIX = "latihan.lab.lab_machine : "


@dataclass
class MachineProgress:
    """A machine: what goes on there, and how many outcomes hold so far.

    ``started`` is when its turn came, in seconds of a clock. ``trouble`` says why it has no lab; it
    is empty as long as nothing is wrong. ``away`` is the result with which it could not be reached,
    ``refused`` says which of its variables are wrong.
    """

    name: str
    started: float
    step: str = "waiting for its turn"
    held: int = 0
    trouble: str = ""
    away: Mapping[str, Any] | None = None
    refused: str = ""


@dataclass
class RoomProgress:
    """All machines, by their names."""

    machines: dict[str, MachineProgress] = field(default_factory=dict)

    def apply(self, raw: Mapping[str, Any], now: float) -> Iterator[str]:
        """Take an event; yields a line for each thing that a person should see at once.

        Args:
            raw: an event of ansible-runner.
            now: a clock's seconds.
        """
        data = raw.get("event_data") or {}
        name, task = data.get("host"), str(data.get("task") or "").removeprefix(_PREFIX)
        if not name or name == "localhost":
            return
        machine = self.machines.setdefault(name, MachineProgress(name, now))
        result = data.get("res") or {}
        match raw.get("event"):
            case "runner_on_start":
                machine.step = task
            case "runner_retry":
                yield from _news(machine, result)
            case "runner_on_unreachable":
                machine.away = result
                away = failures.trouble_of({**result, "unreachable": True}, name)
                yield from _trouble(machine, f"{away.message} {away.hint}")
            case "runner_on_failed" if result.get("argument_errors"):
                machine.refused = f"A variable is wrong: {'; '.join(result['argument_errors'])}."
                yield from _trouble(machine, machine.refused)
            case "runner_on_ok":
                if "lab_machine_trouble" in (found := result.get("ansible_facts") or {}):
                    yield from _trouble(machine, str(found["lab_machine_trouble"]))
                else:
                    yield from _news(machine, result)


def _news(machine: MachineProgress, result: Mapping[str, Any]) -> Iterator[str]:
    """A lab's own news, which its machine printed as JSON."""
    lines = str(result.get("stdout") or "").strip().splitlines()
    try:
        said = json.loads(lines[-1])
        step, held = str(said["step"]), int(said["held"])
    except (IndexError, ValueError, TypeError, KeyError):
        return
    if (step, held) != (machine.step, machine.held):
        machine.step, machine.held = step, held
        yield f"{machine.name}: {step}" + (f", {held} outcomes so far" if held else "")


def _trouble(machine: MachineProgress, text: str) -> Iterator[str]:
    """A machine's trouble, once."""
    if not machine.trouble:
        machine.trouble = text.strip()
        yield f"✘ {machine.name}: {machine.trouble}"
