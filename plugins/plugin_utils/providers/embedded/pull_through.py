"""What the lab's registry asks for images that it doesn't have, if they may be fetched.

It runs beside the lab, in the machine's own network, as ``python3 -m ...pull_through FD FOLDER
CGROUP``: the descriptor of a listening socket, the folder of what was fetched, and the lab's
control group, which it joins. nginx on the lab's host is the only one who can connect. What was
fetched is handed to nginx by its path.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from urllib.parse import parse_qs, urlsplit

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.cgroups import join
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.blobs import digest_of
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.pulling import Pulled, Repository

_REGISTRY = re.compile(r"[a-z0-9][a-z0-9.-]*(:\d+)?")
_PATH = re.compile(
    r"/v2/(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"/(?:manifests/(?P<manifest>[\w][\w.-]{0,127}|sha256:[0-9a-f]{64})"
    r"|blobs/(?P<blob>sha256:[0-9a-f]{64}))"
)


def meant(target: str) -> tuple[Repository, str, str] | None:
    """What a request asks for: a repository, and a manifest or a blob (the other one is empty)."""
    parts = urlsplit(target)
    found = _PATH.fullmatch(parts.path)
    registry = parse_qs(parts.query).get("ns", ["docker.io"])[-1]
    if found is None or not _REGISTRY.fullmatch(registry):
        return None
    return Repository(registry, found["name"]), found["manifest"] or "", found["blob"] or ""


class Fetching(BaseHTTPRequestHandler):
    """Answers with what the meant registry has."""

    pulled: Pulled

    def do_GET(self) -> None:
        """Answer with a manifest, or let nginx answer with a blob."""
        asked = meant(self.path)
        if asked is None:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        repository, manifest, blob = asked
        try:
            if blob:
                name = self.pulled.blob(repository, blob).name
                self._answer(HTTPStatus.OK, {"X-Accel-Redirect": f"/fetched/{name}"})
                return
            kind, data = self.pulled.manifest(repository, manifest)
            headers = {"Content-Type": kind, "Docker-Content-Digest": digest_of(data)}
            self._answer(HTTPStatus.OK, headers, data)
        except (LabError, OSError) as error:
            # containerd shows this line, and no body.
            reason = " ".join(str(error).split()).encode("ascii", "replace").decode()
            self._answer(HTTPStatus.FORBIDDEN, reason=reason)

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def _answer(
        self,
        status: HTTPStatus,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        reason: str | None = None,
    ) -> None:
        self.send_response(status, reason)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing: who asks shows the answer."""


def main(fd: int, folder: Path) -> None:
    """Serve until the lab's host ends."""
    Fetching.pulled = Pulled(folder)
    server = ThreadingUnixStreamServer("", Fetching, bind_and_activate=False)
    server.socket = socket.socket(fileno=fd)
    server.serve_forever()


if __name__ == "__main__":
    join(sys.argv[3], os.getpid())
    main(int(sys.argv[1]), Path(sys.argv[2]))
