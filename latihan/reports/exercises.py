"""An exercise in words."""

from __future__ import annotations

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.exercises import Exercise
from latihan.base import durations


def became(known: Exercise) -> str:
    """How an exercise stands: its state, what it took, and how long."""
    said = (
        f"{known.state.value}, {_count(len(known.hints), 'hint')}, {_count(known.checks, 'check')}"
    )
    if known.ended is None:
        return said
    return f"{said}, {durations.text(known.ended - known.begun)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
