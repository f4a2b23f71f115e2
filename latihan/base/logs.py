"""The log of a run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


class Log:
    """A file that takes lines until one can't be written; a run goes on without it.

    ``trouble`` says why it ends early; empty if it doesn't.

    Args:
        path: the file.

    Raises:
        OSError: it can't be made.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", errors="replace")
        self.trouble = ""

    def write(self, text: str) -> None:
        """Add a line."""
        if self.trouble:
            return
        try:
            self._file.write(text + "\n")
            self._file.flush()
        except OSError as error:
            self.trouble = f"The log {self._file.name} ends early: {error.strerror}."

    def close(self) -> None:
        """Close the file."""
        # What could not be written before can't be written now.
        with suppress(OSError):
            self._file.close()
