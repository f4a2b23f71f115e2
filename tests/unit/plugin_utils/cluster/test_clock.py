"""A machine whose clock is wrong: the API's certificate isn't valid yet, or not any more."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

DAY = timedelta(days=1)
LOOPBACK = "127.0.0.1"
Serve = Callable[[datetime, datetime], Api]


class Ready(BaseHTTPRequestHandler):
    """An API that is ready."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_args: object) -> None:
        """Keep quiet."""


def certificate(path: Path, begins: datetime, ends: datetime) -> None:
    """Write a certificate of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "api")])
    address = x509.IPAddress(ipaddress.ip_address(LOOPBACK))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )


@contextmanager
def serving(path: Path) -> Iterator[int]:
    """An API with that certificate; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with HTTPServer((LOOPBACK, 0), Ready) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as up:

        def served(begins: datetime, ends: datetime) -> Api:
            path = tmp_path / "api.pem"
            certificate(path, begins, ends)
            server = f"https://{LOOPBACK}:{up.enter_context(serving(path))}"
            cluster = {"server": server, "certificate-authority": str(path)}
            document = {
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
            (tmp_path / "kubeconfig").write_text(yaml.safe_dump(document))
            return Api(tmp_path / "kubeconfig")

        yield served


def test_a_clock_that_is_right(serve: Serve) -> None:
    now = datetime.now(UTC)
    assert serve(now - DAY, now + DAY).text("/readyz") == "ok"


@pytest.mark.parametrize(
    ("begins", "ends", "why"),
    [
        (DAY, 365 * DAY, "clock is earlier than when this was made"),
        (-365 * DAY, -DAY, "A certificate has expired: the machine's clock is ahead"),
    ],
)
def test_a_clock_that_is_wrong(serve: Serve, begins: timedelta, ends: timedelta, why: str) -> None:
    now = datetime.now(UTC)
    with pytest.raises(LabError, match=why) as raised:
        serve(now + begins, now + ends).text("/readyz")
    assert raised.value.kind is Kind.MACHINE
    assert "Set the clock right" in raised.value.hint
