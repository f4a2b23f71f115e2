"""Images fetched from another registry, for a lab that asks for them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import pull_through
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.pulling import Pulled, Repository
from tests import images, registry
from tests.registry import Registry

LAYER = images.tar({"app": b"app"})
BLOB = images.digest(LAYER)


@pytest.fixture
def real() -> Iterator[Registry]:
    with registry.serving() as served:
        yield served


def test_what_was_fetched_is_kept_and_a_tag_is_asked_for_again(
    real: Registry, tmp_path: Path
) -> None:
    digest = real.put("team/app", "1", LAYER)
    pulled, repository = Pulled(tmp_path), Repository(real.address, "team/app")
    for _again in range(2):
        kind, data = pulled.manifest(repository, "1")
        assert kind == "application/vnd.oci.image.index.v1+json"
        assert images.digest(data) == digest
        assert pulled.manifest(repository, digest) == (kind, data)
        assert pulled.blob(repository, BLOB).read_bytes() == LAYER
    assert [path.rpartition("/")[2] for path in real.asked] == ["1", BLOB, "1"]


def test_a_registry_that_is_gone_isn_t_missed(tmp_path: Path) -> None:
    with registry.serving() as served:
        served.put("team/app", "1", LAYER)
        repository = Repository(served.address, "team/app")
        before = Pulled(tmp_path).manifest(repository, "1")
    assert Pulled(tmp_path).manifest(repository, "1") == before
    with pytest.raises(LabError, match="can't be reached"):
        Pulled(tmp_path).manifest(repository, "2")


@pytest.mark.parametrize("path", [f"blobs/{BLOB}", "manifests/DIGEST"])
def test_what_is_damaged_is_not_kept(real: Registry, tmp_path: Path, path: str) -> None:
    digest = real.put("team/app", "1", LAYER)
    path = path.replace("DIGEST", digest)
    real.damaged.add(f"/v2/team/app/{path}")
    repository = Repository(real.address, "team/app")
    ask = Pulled(tmp_path).blob if path.startswith("blobs") else Pulled(tmp_path).manifest
    with pytest.raises(LabError):
        ask(repository, path.partition("/")[2])
    assert not [
        each for each in tmp_path.rglob("*") if each.is_file() and each.name[-5:] != ".lock"
    ]


@pytest.mark.parametrize(
    ("address", "start"),
    [
        ("docker.io", "https://registry-1.docker.io/v2/a"),
        ("quay.io", "https://quay.io/v2/a"),
        ("localhost:5000", "http://localhost:5000/v2/a"),
        ("127.0.0.1", "http://127.0.0.1/v2/a"),
        ("192.0.2.1:5000", "https://192.0.2.1:5000/v2/a"),
    ],
)
def test_only_this_machine_is_asked_without_encryption(address: str, start: str) -> None:
    assert Repository(address, "a").url == start


@pytest.mark.parametrize(
    "target",
    [
        "/v2/",
        "/v2/a/tags/list",
        "/v2/../../etc/manifests/1",
        "/v2/a/manifests/../1",
        "/v2/a/manifests/1?ns=../..",
        "/v2/a/manifests/1?ns=user@quay.io",
        "/v2/a/blobs/sha256:0",
    ],
)
def test_nothing_else_can_be_asked_for(target: str) -> None:
    assert pull_through.meant(target) is None


def test_the_lab_s_registry_gets_answers(real: Registry, tmp_path: Path) -> None:
    real.put("team/app", "1", LAYER)
    path = tmp_path / "socket"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    serve = threading.Thread(
        target=pull_through.main, args=(listener.detach(), tmp_path / "pulled"), daemon=True
    )
    serve.start()

    def ask(target: str) -> str:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.sendall(f"GET {target}?ns={real.address} HTTP/1.0\r\n\r\n".encode())
            return b"".join(iter(lambda: line.recv(65536), b"")).decode()

    assert "application/vnd.oci.image.index.v1+json" in ask("/v2/team/app/manifests/1")
    assert f"X-Accel-Redirect: /fetched/{BLOB}" in ask(f"/v2/team/app/blobs/{BLOB}")
    refused = ask("/v2/team/app/manifests/nosuch").splitlines()[0]
    assert refused.startswith(f"HTTP/1.0 403 {real.address} answers 404 Not Found for team/app")
    assert ask("/v2/").startswith("HTTP/1.0 404")
