"""How a long step reports its progress, through Ansible's events."""

from __future__ import annotations

import json
import time

from ansible.utils.display import Display

PREFIX = "latihan-progress "


class Progress:
    """Counts the parts of one long step.

    Each report is a line of Ansible's output: ``PREFIX``, then
    ``{"label": ..., "done": ..., "total": ...}``. The command line draws a progress bar from it.

    Args:
        label: what is counted, as in "packages compiled".
        total: how many there are; 0 if unknown.
        interval: the minimum number of seconds between two reports.
    """

    def __init__(self, label: str, total: int, interval: float = 0.5) -> None:
        self.label = label
        self.total = total
        self.done = 0
        self._interval = interval
        self._last = 0.0

    def advance(self, to: int | None = None) -> None:
        """Count one more part as done, or all up to the number ``to``."""
        self.done = self.done + 1 if to is None else to
        now = time.monotonic()
        if now - self._last >= self._interval or self.done == self.total:
            self._last = now
            report = {"label": self.label, "done": self.done, "total": self.total}
            Display().display(PREFIX + json.dumps(report))
