"""Where the command line prints."""

from __future__ import annotations

import errno
import io
import os
import sys

from rich.console import Console

# A pipe has no width of its own; lines that are cut or folded at 80 are hard to read in a log.
_LOG_WIDTH = 200


class SteadyConsole(Console):
    """A console that falls silent when nobody reads it any more: a run goes on to its end.

    ``lost`` is why something was not written where somebody may still want to read it.
    """

    lost: OSError | None = None

    def on_broken_pipe(self) -> None:
        """Print nothing from now on."""
        self.quiet = True
        # What could not be written is still buffered, and is tried again when Python ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)

    def _check_buffer(self) -> None:
        """Write what was printed; rich takes care of closed pipes only, not of closed terminals."""
        try:
            super()._check_buffer()
        except OSError as error:
            self.lost = None if error.errno == errno.EIO else error
            self.on_broken_pipe()


def for_results() -> SteadyConsole:
    """Where results are printed: standard output."""
    forgive(sys.stdout)
    console = SteadyConsole(highlight=False)
    if console.is_terminal:
        return console
    return SteadyConsole(highlight=False, width=_LOG_WIDTH, soft_wrap=True)


def for_errors() -> Console:
    """Where errors are printed: standard error."""
    forgive(sys.stderr)
    return SteadyConsole(stderr=True, highlight=False, soft_wrap=True)


def forgive(stream: object) -> None:
    """A character that the terminal's encoding lacks is no reason to fail."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
