"""Folders of the cache that are either whole or not there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses while a folder is filled into a LabError."""
    try:
        yield
    except OSError as error:
        raise LabError(
            f"{error.filename or folder} can't be written: {error.strerror or error}.",
            "See that the disk has room and can be written, or set LATIHAN_CACHE to another one.",
            Kind.MACHINE,
        ) from error


@dataclass(frozen=True)
class Entry:
    """One folder of the cache: made beside its place, then renamed into it.

    Args:
        path: where it is once made.
    """

    path: Path

    def ready(self) -> bool:
        """Whether it is there, and so whole."""
        return self.path.is_dir()

    @contextmanager
    def made(self) -> Iterator[Path | None]:
        """Make it: what the caller puts into the folder handed over becomes the entry.

        Yields:
            A new, empty folder; None when another run made the entry meanwhile. When the caller
            fails nothing is left; what a killed run left behind is removed by the next one.

        Raises:
            LabError: the disk is full, or the folder can't be written.
        """
        new = self.path.with_name(f".{self.path.name}.new")
        with writing(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(f".{self.path.name}.lock")):
                if self.ready():
                    yield None
                    return
                shutil.rmtree(new, ignore_errors=True)
                new.mkdir()
                try:
                    yield new
                    new.rename(self.path)
                finally:
                    shutil.rmtree(new, ignore_errors=True)
