"""A small image registry on loopback, which wants tokens and can answer in wrong ways."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ansible_collections.latihan.lab.plugins.plugin_utils.supply.blobs import architecture
from tests import images

TOKEN = "a-token"


@dataclass
class Registry:
    """A registry that is up: what it has by path, what it was asked, and where it is.

    ``damaged`` are paths that it answers with something else.
    """

    address: str = ""
    has: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def put(self, name: str, tag: str, *layers: bytes) -> str:
        """Add an image, as an index of one; returns the index's digest."""
        kind = "application/vnd.oci.image"
        config = images.config(*layers)
        parts = [self._blob(name, each) for each in (config, *layers)]
        manifest = {"schemaVersion": 2, "config": parts[0], "layers": parts[1:]}
        inner = self._add(f"{name}/manifests", f"{kind}.manifest.v1+json", manifest)
        inner["platform"] = {"os": "linux", "architecture": architecture()}
        outer = {"schemaVersion": 2, "manifests": [inner]}
        top = self._add(f"{name}/manifests", f"{kind}.index.v1+json", outer)
        self.has[f"/v2/{name}/manifests/{tag}"] = self.has[f"/v2/{name}/manifests/{top['digest']}"]
        return str(top["digest"])

    def _add(self, folder: str, kind: str, document: dict[str, object]) -> dict[str, object]:
        data = json.dumps({**document, "mediaType": kind}).encode()
        self.has[f"/v2/{folder}/{images.digest(data)}"] = (kind, data)
        return {"mediaType": kind, "digest": images.digest(data), "size": len(data)}

    def _blob(self, name: str, data: bytes) -> dict[str, object]:
        kind = "application/octet-stream"
        self.has[f"/v2/{name}/blobs/{images.digest(data)}"] = (kind, data)
        of = "layer.v1.tar" if data[:1] != b"{" else "config.v1+json"
        media_type = f"application/vnd.oci.image.{of}"
        return {"mediaType": media_type, "digest": images.digest(data), "size": len(data)}


@contextmanager
def serving() -> Iterator[Registry]:
    """A registry, until the block ends."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/token":
                self.answer(HTTPStatus.OK, "application/json", f'{{"token": "{TOKEN}"}}'.encode())
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.answer(HTTPStatus.UNAUTHORIZED, "text/plain", b"")
            elif path in registry.has:
                registry.asked.append(path)
                kind, data = registry.has[path]
                self.answer(HTTPStatus.OK, kind, b"{}" if path in registry.damaged else data)
            else:
                self.answer(HTTPStatus.NOT_FOUND, "application/json", b"{}")

        def answer(self, status: HTTPStatus, kind: str, data: bytes) -> None:
            self.send_response(status)
            realm = f'Bearer realm="http://{registry.address}/token",service="it"'
            self.send_header("WWW-Authenticate", realm)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.address = f"127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield registry
        server.shutdown()
