"""Contracts with a wrong part: refused, with the file's name."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Node,
    Reachable,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from tests.wrong import is_refusal, mutations

WHOLE = asdict(
    Contract(
        profile="uji",
        provider="embedded",
        kubeconfig="/k/config",
        kubectl="/k/kubectl",
        host_address="192.0.2.1",
        host=Reachable(("nsenter", "--"), processes.of(os.getpid())),
        nodes=(
            Node("uji", "192.0.2.2", Reachable(("ssh", "uji"))),
            Node("uji-m02", "192.0.2.3", Stopped()),
            Node("far", "192.0.2.4", Missing("Nobody enters far.")),
        ),
        network="192.0.2.0/24",
        inside=("sh", "i"),
        tools=("sh", "t"),
    )
)
OPTIONAL = (
    *("network", "pod_network", "service_network", "kubectl_cache", "inside", "tools"),
    *("names", "workers", "namespace", "sees_all", "slices", "cannot"),
)
# As JSON has it, and what is right although it is another type.
DOCUMENT = json.loads(json.dumps(WHOLE))
RIGHT = {
    *("nodes.0.reach.process missing", "host.process missing", "host.process None"),
    *("nodes.0.reach.whole missing", "host.whole missing"),
    *(
        "nodes ['x']",
        "inside ['x']",
        "tools ['x']",
        "host.enter ['x']",
        "nodes.0.reach.enter ['x']",
    ),
}
MUTATED = {name: each for name, each in mutations(DOCUMENT, OPTIONAL) if name not in RIGHT}
OLDER = {
    "before its three states": {
        **{name: DOCUMENT[name] for name in ("profile", "provider", "kubeconfig", "kubectl")},
        "host_address": "192.0.2.1",
        "host_enter": None,
        "nodes": [{"name": "uji", "address": "192.0.2.2", "enter": []}],
    },
    "no nodes": {**DOCUMENT, "nodes": []},
    "an unknown state": {**DOCUMENT, "host": {"state": "asleep"}},
    "a version": {**DOCUMENT, "version": 2},
}
TEXTS = [
    *(b"", b" ", b"{", b"[]", b"null", b"1", b'"x"', b"{}", b"\xff", b"\0", b"[" * 100_000),
    *(b"{'profile': 'uji'}", b"profile: uji\n", json.dumps(WHOLE).encode()[:-9], b"NaN"),
]


def refused(path: Path) -> LabError:
    with pytest.raises(LabError) as caught:
        contract.read(path)
    is_refusal(caught.value, path)
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "contract.json"


def test_the_whole_one_is_right(path: Path) -> None:
    path.write_text(json.dumps(WHOLE), encoding="utf-8")
    assert asdict(contract.read(path)) == WHOLE


@pytest.mark.parametrize("name", [*MUTATED, *OLDER])
def test_documents(path: Path, name: str) -> None:
    path.write_text(json.dumps({**MUTATED, **OLDER}[name]), encoding="utf-8")
    error = refused(path)
    assert "runner.py teardown" in error.hint


@pytest.mark.parametrize("content", TEXTS, ids=[repr(text)[:30] for text in TEXTS])
def test_contents(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path)


def test_what_is_no_file(path: Path) -> None:
    path.mkdir()
    refused(path)
    path.rmdir()
    path.symlink_to(path.name)
    refused(path)


@pytest.mark.parametrize("provider", ["bare", "../embedded", "embedded.provider", "ä", "x" * 999])
def test_providers_that_there_are_not(tmp_path: Path, provider: str) -> None:
    lab = Profile("uji", tmp_path)
    lab.folder.mkdir()
    lab.contract.write_text(json.dumps({**DOCUMENT, "provider": provider}), encoding="utf-8")
    with pytest.raises(LabError) as caught:
        providers.of(lab)
    is_refusal(caught.value, lab.contract)


@given(
    st.sampled_from(sorted(MUTATED)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
)
def test_fuzzed_documents(name: str, value: Any) -> None:
    """A field of any value is taken, or refused as the readers of contracts say."""
    document: Any = copy.deepcopy(DOCUMENT)
    field = name.partition(" ")[0].partition(".")[0]
    document = value if field == "all" else {**document, field: value}
    try:
        read = contract.from_json(json.dumps(document).encode())
    except ValueError:
        return
    assert contract.from_json(json.dumps(asdict(read)).encode()) == read
