"""YAML that people write: read whole, or refused with the place of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError


def test_the_documents_of_a_text() -> None:
    parts = yaml_files.parse("a: 1\n---\n- b\n", "x")
    assert [part.value for part in parts] == [{"a": 1}, ["b"]]
    assert [part.node.start_mark.line for part in parts] == [0, 2]


@pytest.mark.parametrize(
    ("text", "value"), [("", None), ("---\n", None), ("a: 1\n", {"a": 1}), ('["a"]', ["a"])]
)
def test_the_only_document(text: str, value: object) -> None:
    assert yaml_files.parse_one(text, "x") == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a: [\n",
            ":2: not valid YAML: expected the node content, but found '<stream end>' (column 1)",
        ),
        ("a: 1\nb: {c: 1, c: 2}\n", ":2: not valid YAML: the key 'c' appears twice (column 11)"),
        ("a: 2024-13-45\n", ":1: not valid YAML: '2024-13-45' is not a valid timestamp (column 4)"),
        ("a: 1\n---\nb: 2\n", ":3: not valid YAML: a second document starts here (column 1)"),
        (
            "a: \0",
            ": not valid YAML: unacceptable character #x0000: special characters are not allowed",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(LabError) as caught:
        yaml_files.parse_one(text, "x")
    assert (caught.value.message, caught.value.kind) == (f"x{said}.", Kind.INPUT)
    assert caught.value.hint.startswith("Fix it there")


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"\xff", "it is not UTF-8 text")]
)
def test_a_file_that_can_not_be_read(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "x.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LabError) as caught:
        yaml_files.read_one(path, "manifest")
    assert caught.value.message == f"The manifest {path} can't be read: {reason}."
    assert caught.value.kind is Kind.INPUT
