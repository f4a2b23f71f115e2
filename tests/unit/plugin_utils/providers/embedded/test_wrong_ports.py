"""The port that a lab's kubeconfig had: any port will do if nobody can tell."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import api


def kubeconfig(server: str) -> bytes:
    document = {"clusters": [{"cluster": {"server": server}, "name": "uji"}]}
    return yaml.safe_dump(document, sort_keys=False).encode()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"clusters: []", b"clusters: 5", b"\xff", b"\0" * 9, b"[" * 1100),
        *(kubeconfig(f"https://{at}") for at in ("127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999")),
        *(kubeconfig(f"https://{at}") for at in ("192.0.2.1:6443", "127.0.0.1:-1", "")),
    ],
)
def test_contents(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kubeconfig"
    path.write_bytes(content)
    assert api.port_of(path) == 0


def test_what_is_no_file(tmp_path: Path) -> None:
    assert api.port_of(tmp_path) == 0
    assert api.port_of(tmp_path / "nothing") == 0


def test_its_own(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_bytes(kubeconfig("https://127.0.0.1:6443"))
    assert api.port_of(path) == 6443
