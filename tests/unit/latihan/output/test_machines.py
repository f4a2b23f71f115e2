"""The lines of a room of machines."""

from __future__ import annotations

import io

from rich.console import Console

from latihan.output.machines import RoomDisplay
from latihan.run.machines import MachineProgress, RoomProgress


def shown(display: RoomDisplay) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as captured:
        console.print(display.table())
    return captured.get()


def test_a_terminal_has_a_line_for_each_machine() -> None:
    progress = RoomProgress({
        "pc1": MachineProgress("pc1", 10.0, step="services", held=7),
        "pc2": MachineProgress("pc2", 40.0, trouble="Its disk is full."),
    })  # fmt: skip
    display = RoomDisplay(Console(file=io.StringIO()), progress, clock=lambda: 52.0)
    first, second = shown(display).splitlines()
    assert first.split() == ["pc1", "services", "7", "hold", "42.0", "s"]
    assert second.split()[:5] == ["pc2", "Its", "disk", "is", "full."]


def test_elsewhere_each_news_is_a_line() -> None:
    output = io.StringIO()
    display = RoomDisplay(Console(file=output), RoomProgress())
    display.line("pc1: services, 7 outcomes so far")
    assert output.getvalue() == "pc1: services, 7 outcomes so far\n"
