"""Archives of other people, unpacked so that nothing of them gets outside its folder.

Python's tarfile has filters for that since 3.11.4, and Debian 12 has 3.11.2.
"""

from __future__ import annotations

import gzip
import lzma
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, cast

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError

_UNREADABLE_HINT = "Delete it and run the lab again; it will be downloaded again."
BROKEN = (tarfile.TarError, EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
# Only root writes to what root runs, and no program gets rights by being started.
_MODE = 0o755


@dataclass
class Guard:
    """Refuses members that could get outside the folder that they are unpacked in.

    One guard watches all archives that go to the same folder: what one of them makes, another could
    use. A link may lead anywhere, but nothing may lie below one.
    """

    _links: set[PurePosixPath] = field(default_factory=set)

    def check(self, member: tarfile.TarInfo, archive: object) -> None:
        """Refuse a member unless it is a file, directory or link that stays inside.

        Args:
            member: the member.
            archive: what it is a member of, for the message.

        Raises:
            LabError: it could get outside, or is something else.
        """
        wrong = self._misplaced(member.name)
        if member.islnk():
            wrong = wrong or self._misplaced(member.linkname)
        elif not (member.isreg() or member.isdir() or member.issym()):
            wrong = wrong or "is neither a file nor a directory nor a link"
        if wrong:
            raise LabError(
                f"{archive} has the member {member.name!r}, which {wrong}.",
                "Don't use it; find out who made it.",
            )
        if member.issym() or (member.islnk() and PurePosixPath(member.linkname) in self._links):
            self._links.add(PurePosixPath(member.name))

    def _misplaced(self, name: str) -> str:
        """What is wrong with a path; empty if nothing is."""
        if leads_outside(name):
            return "leads outside"
        return "" if self._links.isdisjoint(PurePosixPath(name).parents) else "lies below a link"


def leads_outside(name: str) -> bool:
    """Whether a member's path isn't below the folder that it is unpacked in."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


@contextmanager
def opened(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar archive, compressed in any way.

    Raises:
        LabError: it can't be read.
    """
    try:
        with tarfile.open(path) as source:
            yield source
    except BROKEN as error:
        raise LabError(f"The archive {path} can't be read: {error}.", _UNREADABLE_HINT) from error


@contextmanager
def package(path: Path) -> Iterator[tarfile.TarFile]:
    """The files of a Debian package, as a tar archive that can be read once, from start to end.

    Raises:
        LabError: the package file can't be read.
    """
    argv = ["dpkg-deb", "--fsys-tarfile", str(path)]
    message = f"The package file {path} can't be read"
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        try:
            with tarfile.open(fileobj=program.stdout, mode="r|") as source:
                source.name = str(path)
                yield source
            # Padding follows the last member; the program can't exit until it has been read.
            cast("IO[bytes]", program.stdout).read()
        except tarfile.TarError as error:
            program.kill()
            raise LabError(f"{message}: {error}.", _UNREADABLE_HINT) from error
        errors = cast("IO[bytes]", program.stderr).read().decode(errors="replace")
    if program.returncode != 0:
        raise LabError(f"{message}.", _UNREADABLE_HINT, detail=errors)


def extract(source: tarfile.TarFile, into: Path, guard: Guard, *, strip: int = 0) -> None:
    """Unpack an archive: files are root's, only root may write to them, none is setuid or setgid.

    Args:
        source: the archive.
        into: the folder to unpack it in.
        guard: looks at each member.
        strip: how many folders to leave off at the beginning of each path.

    Raises:
        LabError: a member could get outside.
    """
    # Newer versions of Python ask for a filter; the guard is it.
    source.extraction_filter = lambda member, _path: member
    for member in source:
        member.name = _stripped(member.name, strip)
        if member.islnk():
            member.linkname = _stripped(member.linkname, strip)
        if member.name:
            guard.check(member, source.name)
            member.mode &= _MODE
            member.uid = member.gid = 0
            source.extract(member, into, numeric_owner=True)


def _stripped(name: str, strip: int) -> str:
    return "/".join(PurePosixPath(name).parts[strip:])
