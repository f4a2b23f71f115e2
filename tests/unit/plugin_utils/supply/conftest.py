"""Programs that print a version as those of Kubernetes do, and a server that has their archive."""

import hashlib
import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.supply.binaries import NAMES

VERSION = "v1.20.2"
Programs = Callable[..., Path]


def script(name: str, version: str) -> str:
    """A program that prints its version as the real one does."""
    client = {"clientVersion": {"gitVersion": version}, "kustomizeVersion": "v5.7.1"}
    said = json.dumps(client) if name == "kubectl" else f"Kubernetes {version}"
    return f"#!/bin/sh\necho '{said}'\n"


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """Makes a folder of all programs; ``versions`` says which print another than the rest."""

    def make(folder: Path | None = None, version: str = VERSION, **versions: str) -> Path:
        where = folder or tmp_path / "programs"
        where.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            path = where / name
            path.write_text(script(name, versions.get(name.replace("-", "_"), version)))
            path.chmod(0o755)
        return where

    return make


def archive(version: str = VERSION) -> bytes:
    """A server archive as the release has it, with a file that the lab doesn't need."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for path in [f"kubernetes/server/bin/{name}" for name in NAMES] + [
            "kubernetes/server/bin/mounter",
            "kubernetes/LICENSES",
        ]:
            text = script(Path(path).name, version).encode()
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(text), 0o755
            tar.addfile(member, io.BytesIO(text))
    return data.getvalue()


@dataclass
class Mirror:
    """A release server on loopback; ``delay`` is in seconds, ``cut`` breaks off half-way."""

    data: bytes = field(default_factory=archive)
    status: int = 200
    delay: float = 0
    cut: bool = False
    url: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def sha512(self) -> str:
        return hashlib.sha512(self.data).hexdigest()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """A mirror that is up during one test."""
    state = Mirror()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            time.sleep(state.delay)
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.data)))
            self.end_headers()
            self.wfile.write(state.data[: len(state.data) // 2] if state.cut else state.data)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
