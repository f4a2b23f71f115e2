"""What a person sees while a room of machines is worked on: a line a machine."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from latihan.base import durations
from latihan.run.machines import RoomProgress


class RoomDisplay:
    """Kept lines; on a terminal, under them a live line for each machine.

    Args:
        console: where to print.
        progress: what is known of the machines.
        clock: seconds of a clock that never goes back.
    """

    def __init__(
        self, console: Console, progress: RoomProgress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._progress = progress
        self._clock = clock
        live = Live(console=console, refresh_per_second=4, transient=True)
        self._live = live if console.is_terminal else None

    def start(self, title: str) -> None:
        """Say what begins."""
        self._console.print(title)
        if self._live:
            self._live.start()

    def line(self, text: str) -> None:
        """Print a line that stays; red if it says that something is wrong."""
        # The live lines show the rest.
        if self._live is None or text.startswith("✘"):
            self._console.print(Text(text, style="red" if text.startswith("✘") else ""))

    def tick(self) -> None:
        """Update the live lines."""
        if self._live:
            self._live.update(self.table())

    def stop(self) -> None:
        """Remove the live lines."""
        if self._live:
            self._live.stop()

    def table(self) -> RenderableType:
        """A row a machine: its name, step, outcomes so far, and the time since its turn came."""
        table = Table.grid(padding=(0, 2))
        now = self._clock()
        for each in self._progress.machines.values():
            table.add_row(
                Text(each.name, style="red" if each.trouble else "bold"),
                Text(each.trouble or each.step, no_wrap=True, overflow="ellipsis"),
                f"{each.held} hold" if each.held else "",
                Text(durations.text(now - each.started), style="cyan"),
            )
        return table
