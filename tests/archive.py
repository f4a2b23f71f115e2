"""A small package archive on loopback, for apt, that can answer in every wrong way."""

from __future__ import annotations

import hashlib
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PACKAGE = "latihan-try"
_PAGE = b"<!doctype html><title>Welcome</title><p>Please log in to use this network.</p>"
_CONTROL = """\
Package: {package}
Version: {version}
Architecture: all
Maintainer: Nobody <nobody@example.com>
Description: nothing
"""


class Fault(Enum):
    """How an archive answers wrongly."""

    PAGE = "an error page with status 200"
    ERROR = "status 500"
    GONE = "status 404"
    HALF = "half a file, then the connection ends"
    SHORT = "half a file, as if that were all"
    OTHER = "a file of another version"
    HANG = "no answer"
    SLOW = "an answer a few bytes at a time"


@dataclass
class Archive:
    """An archive that is up.

    ``fault`` is how it answers to paths that end with ``where``. ``asked`` are the paths.
    """

    files: dict[str, bytes]
    url: str = ""
    fault: Fault | None = None
    where: str = ".deb"
    asked: list[str] = field(default_factory=list)

    @property
    def source(self) -> str:
        """Its line for sources.list."""
        return f"deb [trusted=yes] {self.url} ./\n"


def made(folder: Path, version: str = "1") -> dict[str, bytes]:
    """The files of an archive with one package, by their paths."""
    tree = folder / f"tree-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(_CONTROL.format(package=PACKAGE, version=version))
    (tree / "content").write_bytes(f"{version}\n".encode() * 50_000)
    deb = folder / f"{PACKAGE}_{version}_all.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "-Znone", "--root-owner-group", tree, deb],
        check=True,
        capture_output=True,
    )
    data = deb.read_bytes()
    packages = _CONTROL.format(package=PACKAGE, version=version) + (
        f"Filename: ./{deb.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    )
    lists = {"/Packages": packages.encode(), "/Sources": b""}
    sums = "".join(
        f" {hashlib.sha256(text).hexdigest()} {len(text)} {name[1:]}\n"
        for name, text in lists.items()
    )
    release = f"Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n{sums}"
    return {**lists, "/Release": release.encode(), f"/{deb.name}": data}


@contextmanager
def up(files: dict[str, bytes]) -> Iterator[Archive]:
    """An archive on a free port of 127.0.0.1."""
    archive = Archive(files)
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.replace("/./", "/")
            archive.asked.append(path)
            data = archive.files.get(path)
            fault = archive.fault if path.endswith(archive.where) else None
            self._answer(data, fault)

        def _answer(self, data: bytes | None, fault: Fault | None) -> None:
            if fault is Fault.HANG:
                closing.wait()
                return
            if fault is Fault.ERROR:
                self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
                return
            if data is None or fault is Fault.GONE:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            half = data[: len(data) // 2]
            body = {
                Fault.PAGE: _PAGE,
                Fault.SHORT: half,
                Fault.OTHER: b"2" * len(data),
            }.get(fault or Fault.SLOW, data)
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault is Fault.SLOW:
                for start in range(0, len(body), 4096):
                    self.wfile.write(body[start : start + 4096])
                    time.sleep(0.02)
                return
            self.wfile.write(half if fault is Fault.HALF else body)

        def log_message(self, *_args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    archive.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield archive
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
