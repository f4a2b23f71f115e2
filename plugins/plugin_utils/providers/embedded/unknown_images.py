"""What the lab's registry answers when it is asked for an image that it doesn't have.

It runs beside nginx on the lab's host, with Python's standard library alone. All that containerd
shows of a refusal is its status line (containerd 1.6 to 2: resolver.go), and of a 404 not even
that. So the status line says what to do, and ``kubectl describe pod`` shows it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

_MANIFEST = re.compile(r"/v2/(?P<repository>[a-z0-9._/-]+)/manifests/(?P<tag>[\w.:-]+)(\?.*)?")


def advice(path: str) -> str:
    """What to do about a manifest that is missing, in one line; empty if the path is none's."""
    asked = _MANIFEST.fullmatch(path)
    if asked is None:
        return ""
    return (
        f"The lab has no image {asked['repository']}:{asked['tag']}; "
        "`python3 runner.py image --help` says how to load or build one"
    )


class Refusing(BaseHTTPRequestHandler):
    """Refuses each request."""

    def do_GET(self) -> None:
        """Say what to do, also in the registry protocol's own way."""
        advised = advice(self.path)
        status = HTTPStatus.FORBIDDEN if advised else HTTPStatus.NOT_FOUND
        error = {"code": "DENIED" if advised else "UNKNOWN", "message": advised or "no such thing"}
        body = json.dumps({"errors": [error]}).encode()
        self.send_response(status, advised or None)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        """Say it without a body."""
        self.do_GET()

    def log_message(self, *_arguments: object) -> None:
        """Log nothing: who asks shows the answer."""


def main(path: str) -> None:
    """Serve on a socket until the lab's host ends."""
    Path(path).unlink(missing_ok=True)
    os.umask(0o077)
    ThreadingUnixStreamServer(path, Refusing).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
