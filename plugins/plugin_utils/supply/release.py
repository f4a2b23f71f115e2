"""The official release of Kubernetes: one archive, checked while it downloads."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from ansible.module_utils.urls import open_url

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.binaries import NAMES, missing

_INSIDE = "kubernetes/server/bin/"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Release:
    """A release: its archive for servers, and what that must be.

    ``path`` is the archive's, below ``url``. ``sha512`` is its checksum, in hexadecimal.
    """

    url: str
    path: str
    sha512: str

    @property
    def archive(self) -> str:
        """The URL of the archive."""
        return f"{self.url.rstrip('/')}/{self.path}"


class UnansweredError(LabError):
    """The release can't be downloaded: its server doesn't answer, or doesn't have it."""


@dataclass
class _HashingReader:
    """Hashes and counts what is read from ``source`` until the deadline (time.monotonic)."""

    source: IO[bytes]
    progress: Progress
    deadline: float
    sha: Any = field(default_factory=hashlib.sha512)
    size: int = 0

    def read(self, size: int = -1) -> bytes:
        """Read on; raises TimeoutError after the deadline."""
        if time.monotonic() > self.deadline:
            raise TimeoutError("it takes too long")
        data = self.source.read(size)
        self.sha.update(data)
        self.size += len(data)
        self.progress.advance(self.size >> 20)
        return data


def fetch(release: Release, into: Path, answer: float, limit: float) -> None:
    """Download the archive and extract the programs, checking its checksum on the way.

    Args:
        release: what to download.
        into: an existing folder for the programs; it is emptied if anything goes wrong.
        answer: seconds in which the server has to answer.
        limit: seconds for the whole download. A slow machine has more of both.

    Raises:
        UnansweredError: the server doesn't answer in time, or doesn't have the file.
        LabError: the download broke off, the checksum is wrong, or a program is missing.
    """
    with _opened(release, seconds(answer)) as response:
        total = int(response.headers.get("Content-Length") or 0)
        stream = _HashingReader(
            response, Progress("MiB downloaded", total >> 20), time.monotonic() + seconds(limit)
        )
        try:
            _extract(stream, into)
            _read_to_end(stream, total)
        except (OSError, EOFError, tarfile.TarError) as error:
            broke = LabError(
                f"The download of {release.archive} broke off: {error}.",
                "Run it again, or set kubernetes_source to debian.",
            )
            # Before the next line gives the space back.
            refused = refusals.shortage_of(error) and refusals.refusal_of(error, [into])
            _clear(into)
            raise refused or broke from error
    found = stream.sha.hexdigest()
    if found != release.sha512.lower():
        _clear(into)
        raise LabError(
            f"{release.archive} has the wrong checksum: its SHA-512 is {found[:16]}...,"
            f" not {release.sha512[:16]}....",
            "Don't use it. Check kubernetes_release_url and kubernetes_release_sha512.",
            detail=f"expected {release.sha512}\nfound    {found}",
        )
    absent = missing(into)
    if absent:
        _clear(into)
        raise LabError(f"Programs are missing in {release.archive}: {', '.join(absent)}.")


def _extract(stream: _HashingReader, into: Path) -> None:
    with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|gz") as archive:
        for member in archive:
            name = member.name.removeprefix("./").removeprefix(_INSIDE)
            if member.isreg() and name in NAMES and member.name.endswith(_INSIDE + name):
                target = into / name
                with target.open("wb") as file:
                    shutil.copyfileobj(cast("IO[bytes]", archive.extractfile(member)), file, _CHUNK)
                target.chmod(0o755)


def _read_to_end(stream: _HashingReader, total: int) -> None:
    """Read what follows the archive's last file; EOFError if less came than announced."""
    while stream.read(_CHUNK):
        pass
    if total and stream.size != total:
        raise EOFError(f"only {stream.size} of {total} bytes came")


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _opened(release: Release, answer: float) -> Any:
    """Open the archive's URL.

    A DNS lookup can't be interrupted, so it runs in a thread of its own.
    """
    result: list[Any] = []

    def connect() -> None:
        try:
            result.append(open_url(release.archive, timeout=answer, http_agent="latihan"))
        except Exception as error:  # noqa: BLE001 - handed to the caller, whatever it is
            result.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(answer)
    if not result:
        raise UnansweredError(f"{release.url} does not answer within {answer:g} s.", _OTHER_WAY)
    if isinstance(result[0], Exception):
        reason = getattr(result[0], "reason", None) or result[0]
        raise UnansweredError(f"{release.archive} can't be downloaded: {reason}.", _OTHER_WAY)
    return result[0]


_OTHER_WAY = "Set kubernetes_source to debian to build it from Debian's source package instead."
