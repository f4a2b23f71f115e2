"""Where the command line prints."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from latihan.base.visible import visible

# A pipe has no width; lines that are cut or folded at 80 are hard to read in a log.
_LOG_WIDTH = 200


class SteadyConsole(Console):
    """A console that shows text as it is, and goes silent when nobody reads it any more.

    Nothing in the text is obeyed: no escape code of a terminal, no markup of rich. If nobody reads
    it any more, a run goes on to its end. ``lost`` is the error that kept results from a reader who
    may still want them; None if there was none, or if the terminal is gone.
    """

    lost: OSError | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """What to print, without characters that a terminal would obey."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text), style, control)

    def on_broken_pipe(self) -> None:
        """Print nothing from now on."""
        self.quiet = True
        # What could not be written is still buffered, and is tried again when Python ends.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.file.fileno())
        os.close(null)

    def _check_buffer(self) -> None:
        """Write what was printed; rich handles closed pipes, but not closed terminals."""
        try:
            super()._check_buffer()
        except OSError as error:
            self.lost = None if error.errno == errno.EIO else error
            self.on_broken_pipe()


def for_results() -> SteadyConsole:
    """Where results are printed: standard output."""
    replace_unencodable(sys.stdout)
    console = SteadyConsole()
    if console.is_terminal:
        return console
    return SteadyConsole(width=_LOG_WIDTH, soft_wrap=True)


def for_errors() -> Console:
    """Where errors are printed: standard error."""
    replace_unencodable(sys.stderr)
    return SteadyConsole(stderr=True, soft_wrap=True)


def replace_unencodable(stream: object) -> None:
    """Print a question mark for a character that the terminal's encoding doesn't have."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
