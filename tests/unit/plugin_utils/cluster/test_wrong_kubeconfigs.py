"""Kubeconfigs with a wrong part: refused, with the file's name, before anything is asked."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from tests.wrong import is_refusal, mutations

WHOLE = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "uji",
    "clusters": [{"name": "uji", "cluster": {"server": "https://127.0.0.1:1"}}],
    "contexts": [{"name": "uji", "context": {"cluster": "uji", "user": "uji"}}],
    "users": [{"name": "uji", "user": {"token": "x"}}],
}
# kubectl takes these too.
RIGHT = {"apiVersion", "kind", "users.0.user.token"}
NOBODY = {"contexts.0.context.user missing", "contexts.0.context.user None"}
MUTATED = {
    name: each
    for name, each in mutations(WHOLE)
    if name not in NOBODY and name.split()[0] not in RIGHT and name.split()[-1] != "unknown"
}
NOT_PEM = base64.b64encode(b"not a certificate").decode()


def with_cluster(**fields: Any) -> dict[str, Any]:
    cluster = {"server": "https://127.0.0.1:1", **fields}
    return {**WHOLE, "clusters": [{"name": "uji", "cluster": cluster}]}


def with_user(**fields: Any) -> dict[str, Any]:
    return {**WHOLE, "users": [{"name": "uji", "user": fields}]}


DOCUMENTS = {
    "another context": {**WHOLE, "current-context": "other"},
    "no cluster": {**WHOLE, "clusters": []},
    "no user": {**WHOLE, "users": []},
    "no context": {**WHOLE, "contexts": []},
    "a server without a scheme": with_cluster(server="127.0.0.1:1"),
    "a server that is a file": with_cluster(server="file:///etc/passwd"),
    "a server with a bad port": with_cluster(server="https://127.0.0.1:x"),
    "a server with a large port": with_cluster(server="https://127.0.0.1:99999"),
    "an empty server": with_cluster(server=""),
    "a certificate that is not base64": with_cluster(**{"certificate-authority-data": "%"}),
    "a certificate that is not one": with_cluster(**{"certificate-authority-data": NOT_PEM}),
    "a certificate that is a number": with_cluster(**{"certificate-authority-data": 1}),
    "a certificate that is missing": with_cluster(**{"certificate-authority": "/no/where"}),
    "a certificate that is a folder": with_cluster(**{"certificate-authority": "/etc"}),
    "a client certificate that is not one": with_user(**{
        "client-certificate-data": NOT_PEM, "client-key-data": NOT_PEM
    }),
    "a client certificate that is missing": with_user(**{"client-certificate": "/no/where"}),
    "a key that is missing": with_user(**{"client-key": "/no/where"}),
}  # fmt: skip
TEXTS = [
    *(b"", b"\n", b"null", b"1", b"x", b"[]", b"{}", b"a: [", b"\xff\xfe", b"\0", b"[" * 1100),
    *(b"kind: Config\nkind: Config\n", b"a\n---\nb\n", b"&a [*a]", b"!!python/name:os.system"),
    *(b"<html>", bytes(range(256))),
]


def refused(path: Path) -> None:
    with pytest.raises(LabError) as caught:
        Api(path)
    is_refusal(caught.value, path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kubeconfig"


def test_the_whole_one_is_right(path: Path) -> None:
    path.write_text(yaml.safe_dump(WHOLE), encoding="utf-8")
    assert Api(path).address == "https://127.0.0.1:1"


@pytest.mark.parametrize("name", [*MUTATED, *DOCUMENTS])
def test_documents(path: Path, name: str) -> None:
    path.write_text(yaml.safe_dump({**MUTATED, **DOCUMENTS}[name]), encoding="utf-8")
    refused(path)


@pytest.mark.parametrize("content", TEXTS, ids=[repr(text)[:30] for text in TEXTS])
def test_contents(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path)


def test_what_is_no_file(path: Path) -> None:
    refused(path)
    path.mkdir()
    refused(path)
    path.rmdir()
    path.symlink_to(path.name)
    refused(path)
