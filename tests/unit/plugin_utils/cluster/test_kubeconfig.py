"""Kubeconfigs: what the client gets, and that no key is written to the disk."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.kubeconfig import Access
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError


def written(folder: Path, cluster: dict[str, str], user: dict[str, str]) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_keys_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    user = {"client-certificate-data": encoded("mine"), "client-key-data": encoded("secret")}
    access = Access(written(tmp_path, {"certificate-authority-data": encoded("theirs")}, user))
    told = access.configuration
    assert told.host == "https://127.0.0.1:1"
    files = (told.ssl_ca_cert, told.cert_file, told.key_file)
    assert [Path(file).read_text(encoding="utf-8") for file in files] == [
        "theirs",
        "mine",
        "secret",
    ]
    assert list(temporary.iterdir()) == []


def test_files_are_found_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("theirs", encoding="utf-8")
    path = written(tmp_path, {"certificate-authority": "ca.crt"}, {"token": "word"})
    told = Access(path).configuration
    assert told.ssl_ca_cert == str(tmp_path / "ca.crt")
    assert "Bearer word" in told.api_key.values()


@pytest.mark.parametrize("text", ["", "[]", "a: [", "clusters: 5", "current-context: x", "\0"])
def test_what_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        LabError, match="config( can't be used|:1: not valid|: not valid)"
    ) as refused:
        Access(path)
    assert refused.value.kind is Kind.INPUT


def test_data_that_is_no_base64(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="config( can't be used|:1: not valid|: not valid)"):
        Access(written(tmp_path, {"certificate-authority-data": "%"}, {}))
