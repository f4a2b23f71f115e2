"""Manifests that are refused, with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import kubectl
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from tests.wrong import is_refusal

TEXTS: list[tuple[str, str]] = [
    ("", "no Kubernetes object"),
    ("---\n---\n", "no Kubernetes object"),
    ("# nothing\n", "no Kubernetes object"),
    ("null", "no Kubernetes object"),
    ("x", ":1: not a Kubernetes object"),
    ("1", ":1: not a Kubernetes object"),
    ("[]", ":1: not a Kubernetes object"),
    ("- kind: Pod\n", ":1: not a Kubernetes object"),
    ("{}", ":1: the object is missing apiVersion, kind, metadata.name"),
    ("kind: Pod", ":1: the object is missing apiVersion, metadata.name"),
    ("kind: [Pod]\napiVersion: v1", "missing kind, metadata.name"),
    ("kind: 1\napiVersion: 1\nmetadata: {name: a}", "missing apiVersion, kind"),
    ("kind: null\napiVersion: v1\nmetadata: {name: a}", "missing kind"),
    ("kind: Pod\napiVersion: v1\nmetadata:", "missing metadata.name"),
    ("kind: Pod\napiVersion: v1\nmetadata: []", "missing metadata.name"),
    ("kind: Pod\napiVersion: v1\nmetadata: a", "missing metadata.name"),
    ("kind: Pod\napiVersion: v1\nmetadata: {name: }", "missing metadata.name"),
    ("kind: Pod\napiVersion: v1\nmetadata: {name: ''}", "missing metadata.name"),
    ("kind: Pod\napiVersion: v1\nmetadata: {labels: {a: b}}", "missing metadata.name"),
    ("kind: Pod\napiVersion: v1\nmetadata: {name: a}\n---\nx", ":5: not a Kubernetes object"),
    ("kind: Pod\napiVersion: v1\nmetadata: {name: a}\n---\nkind: Pod", ":5: the object is missing"),
    ("kind: Pod\nkind: Pod", ":2: not valid YAML: the key 'kind' appears twice"),
    ("kind: Pod\n\tapiVersion: v1", ":2: not valid YAML"),
    ("<html><body>Not found</body></html>", ":1: not a Kubernetes object"),
    ('{"kind": "Pod",', "not valid YAML"),
    ("{{ template }}", "not valid YAML"),
    ("kind: List", ":1: the object is missing apiVersion, items"),
    ("kind: List\napiVersion: v1\nitems: x", ":1: the object is missing items"),
    ("kind: List\napiVersion: v1\nitems: [x]", ":1: items.0: not a Kubernetes object"),
    ("kind: List\napiVersion: v1\nitems:\n- kind: Pod", ":1: items.0: the object is missing"),
    ("kind: Pod\napiVersion: v1\nmetadata: {name: a: b}", ":3: not valid YAML"),
    ("[" * 1100, "nested too deeply"),
]


@pytest.mark.parametrize(("text", "said"), TEXTS, ids=[repr(text)[:60] for text, _ in TEXTS])
def test_texts(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabError) as caught:
        kubectl.check_manifest(path)
    is_refusal(caught.value, path)
    assert said in caught.value.message


def check(path: Path) -> None:
    """What is done with each file or folder that ``-f`` names."""
    for file in kubectl.manifest_files(path):
        kubectl.check_manifest(file)


@pytest.mark.parametrize("name", ["nothing", "dangling", "loop", "a\0b", "x" * 300, "file.yaml/x"])
def test_paths(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file.yaml").touch()
    with pytest.raises(LabError) as caught:
        check(tmp_path / name)
    is_refusal(caught.value, "can't be read")


@pytest.mark.parametrize("kind", ["folder", "dangling", "binary", "loop"])
def test_folders_of_other_things(tmp_path: Path, kind: str) -> None:
    wrong = tmp_path / "wrong.yaml"
    match kind:
        case "folder":
            wrong.mkdir()
        case "dangling":
            wrong.symlink_to("nowhere")
        case "binary":
            wrong.write_bytes(bytes(range(256)))
        case "loop":
            wrong.symlink_to(wrong.name)
    with pytest.raises(LabError) as caught:
        check(tmp_path)
    is_refusal(caught.value, wrong)


OBJECTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "apiVersion", "metadata", "name", "items", "spec"]), inner
        )
    ),
    max_leaves=10,
)


@given(OBJECTS)
def test_fuzzed_objects(value: Any) -> None:
    try:
        kubectl.checked_objects(yaml.safe_dump(value), "x")
    except LabError as error:
        is_refusal(error, "x")


@given(
    st.lists(st.text() | st.sampled_from(["-f", "--filename", "-f=", "-", "get", "-n", "apply"]))
)
def test_fuzzed_arguments(words: list[str]) -> None:
    kubectl.manifests(words)
    kubectl.reads_only(words)
    kubectl.can_dry_run(words)
    kubectl.changed(words, "pod/a created")
