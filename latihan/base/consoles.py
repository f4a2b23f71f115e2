"""Where the command line prints."""

from __future__ import annotations

import errno
import io
import os
import sys

from rich.console import Console

# A pipe has no width; lines that are cut or folded at 80 are hard to read in a log.
_LOG_WIDTH = 200


class SteadyConsole(Console):
    """A console that goes silent when nobody reads it any more, so that a run goes on to its end.

    ``lost`` is the error that kept results from a reader who may still want them; None if there was
    none, or if the terminal is gone.
    """

    lost: OSError | None = None

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
    console = SteadyConsole(highlight=False)
    if console.is_terminal:
        return console
    return SteadyConsole(highlight=False, width=_LOG_WIDTH, soft_wrap=True)


def for_errors() -> Console:
    """Where errors are printed: standard error."""
    replace_unencodable(sys.stderr)
    return SteadyConsole(stderr=True, highlight=False, soft_wrap=True)


def replace_unencodable(stream: object) -> None:
    """Print a question mark for a character that the terminal's encoding doesn't have."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
