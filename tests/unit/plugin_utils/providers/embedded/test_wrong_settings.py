"""The provider's cluster.json with a wrong part: refused, with the file's name."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import layout
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import Settings
from tests.wrong import is_refusal, mutations

SETTINGS = asdict(
    Settings("uji", "STATE", 2, "192.0.2.0/24", "10.1.0.0/16", "10.2.0.0/16", "/b", "/d", "/r")
)
MUTATED = dict(mutations(SETTINGS))
# A lab that was made before there were these settings is still a lab.
for later in ("pull_through", "proxy_mode", "ip_family"):
    del MUTATED[f"{later} missing"]
VALUES: list[dict[str, Any]] = [
    *({"profile": name} for name in ("other", "", "../uji", "uji/../uji", "/uji")),
    *({"state": folder} for folder in ("/elsewhere", "", ".", "STATE/..", "/")),
    *({"nodes": number} for number in (0, -1, 10**9, 10**30)),
    *(
        {name: block}
        for name in ("network", "pod_network", "service_network")
        for block in ("", "x", "192.0.2.1", "192.0.2.1/24", "192.0.2.0/33", "fd00::/64", "10.0.0/8")
    ),
    {"service_network": "10.2.0.0/30"},
    {"network": "192.0.2.0/32"},
    {"version": 2},
]
TEXTS = [b"", b"{", b"[]", b"null", b"{}", b"\xff", b"\0", b"[" * 100_000, b"nodes: 2\n"]


def refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "uji" / "cluster.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(LabError) as caught:
        layout.load(tmp_path, "uji")
    is_refusal(caught.value, path)
    assert "runner.py teardown" in caught.value.hint


def written(tmp_path: Path, document: Any) -> bytes:
    return json.dumps(document).replace("STATE", str(tmp_path)).encode()


@pytest.mark.parametrize("name", MUTATED)
def test_documents(tmp_path: Path, name: str) -> None:
    refused(tmp_path, written(tmp_path, MUTATED[name]))


@pytest.mark.parametrize("change", VALUES, ids=[repr(change)[1:-1] for change in VALUES])
def test_values(tmp_path: Path, change: dict[str, Any]) -> None:
    refused(tmp_path, written(tmp_path, {**SETTINGS, **change}))


@pytest.mark.parametrize("content", TEXTS, ids=[repr(text)[:30] for text in TEXTS])
def test_contents(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path, content)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "uji" / "cluster.json"
    path.mkdir(parents=True)
    with pytest.raises(LabError) as caught:
        layout.load(tmp_path, "uji")
    is_refusal(caught.value, path)


def test_the_whole_one_is_right(tmp_path: Path) -> None:
    path = tmp_path / "uji" / "cluster.json"
    path.parent.mkdir()
    path.write_bytes(written(tmp_path, SETTINGS))
    assert [node.name for node in layout.load(tmp_path, "uji").nodes] == ["uji", "uji-m02"]
