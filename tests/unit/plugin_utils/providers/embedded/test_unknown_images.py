"""What the registry answers for an image that the lab doesn't have."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import unknown_images


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "socket"
    with ThreadingUnixStreamServer(str(path), unknown_images.Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield path
        server.shutdown()


def ask(path: Path, request: str) -> tuple[str, str]:
    """The status line and the body of the answer."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        line.sendall(f"{request} HTTP/1.0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    return head.splitlines()[0], body


def test_the_status_line_says_what_to_do(served: Path) -> None:
    status, body = ask(served, "HEAD /v2/library/busybox/manifests/latest?ns=docker.io")
    assert status == (
        "HTTP/1.0 403 The lab has no image library/busybox:latest; "
        "`python3 runner.py image --help` says how to load or build one"
    )
    assert body == ""
    _status, body = ask(served, "GET /v2/library/busybox/manifests/latest")
    assert json.loads(body)["errors"][0]["message"] == status.split("403 ")[1]


@pytest.mark.parametrize(
    "path", ["/", "/v2/a/blobs/sha256:0", "/v2/a%0d%0aX:/manifests/1", "/v2/A b/manifests/1"]
)
def test_other_paths_are_not_found(served: Path, path: str) -> None:
    status, _body = ask(served, f"GET {path.replace(' ', '+')}")
    assert status == "HTTP/1.0 404 Not Found"
