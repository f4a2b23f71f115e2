"""Folders of the cache that are either complete or missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals


@dataclass(frozen=True)
class Entry:
    """One folder of the cache: filled under another name, then renamed.

    Args:
        path: its path once it is complete.
    """

    path: Path

    def ready(self) -> bool:
        """Whether it exists; if so, it is complete."""
        return self.path.is_dir()

    @contextmanager
    def made(self) -> Iterator[Path | None]:
        """Make the entry: the caller fills the folder that this yields.

        Yields:
            A new, empty folder; None if the entry exists by now, made by another run. If the caller
            fails, nothing is left. The next run removes what a killed one left.

        Raises:
            LabError: the disk is full, or the folder can't be written.
        """
        new = self.path.with_name(f".{self.path.name}.new")
        with refusals.translated(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = self.path.with_name(f".{self.path.name}.lock")
            # Whoever may read a file may lock it (flock(2)), and so stop the lab.
            with FileLock(lock, mode=0o600):
                if self.ready():
                    yield None
                    return
                shutil.rmtree(new, ignore_errors=True)
                new.mkdir()
                try:
                    # Here, since the next line gives the space back.
                    with refusals.translated(new):
                        yield new
                        new.rename(self.path)
                finally:
                    shutil.rmtree(new, ignore_errors=True)
