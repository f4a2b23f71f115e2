"""YAML that is refused: with file and line if it has one, and without a hang."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from tests.wrong import is_refusal

# Each name stands for ten of the one before: a billion in all.
BILLION = "a0: &a0 [x]\n" + "".join(
    f"a{number + 1}: &a{number + 1} [{', '.join([f'*a{number}'] * 10)}]\n" for number in range(9)
)
TEXTS: list[tuple[str, str]] = [
    ("a: [", "x:1: not valid YAML"),
    ("a: {", "x:1: not valid YAML"),
    ("a: ]", "x:1: not valid YAML"),
    ("- a\nb: c\n", "x:2: not valid YAML"),
    ("a: b: c", "x:1: not valid YAML"),
    ("\ta: b", "x:1: not valid YAML"),
    ("a:\n\t- b", "x:2: not valid YAML"),
    ("a: 'b", "x:1: not valid YAML"),
    ('a: "b', "x:1: not valid YAML"),
    ('a: "\\q"', "x:1: not valid YAML"),
    ("a: @b", "x:1: not valid YAML"),
    ("a: `b`", "x:1: not valid YAML"),
    ("a: %b", "x:1: not valid YAML"),
    ("%YAML 9.9\n---\na: b", "x:1: not valid YAML"),
    ("%BOGUS\na", "x:2: not valid YAML"),
    ("a: *b", "undefined alias"),
    ("a: &b [*b]", "contains itself"),
    ("a: &b {c: *b}", "contains itself"),
    ("&a {*a : 1}", "x:1: not valid YAML"),
    ("? [a]\n: b", "x:1: not valid YAML: found unhashable key"),
    ("{a: 1, a: 2}", "x:1: not valid YAML: the key 'a' appears twice"),
    ("{1: 1, 1: 2}", "x:1: not valid YAML: the key '1' appears twice"),
    ("<<: 1", "x:1: not valid YAML"),
    ("<<: [1]", "x:1: not valid YAML"),
    ("!!int x", "x:1: not valid YAML: 'x' is not a valid int"),
    ("!!int ''", "x:1: not valid YAML: '' is not a valid int"),
    ("!!float x", "x:1: not valid YAML"),
    ("!!float ''", "x:1: not valid YAML"),
    ("!!bool x", "x:1: not valid YAML: 'x' is not a valid bool"),
    ("!!timestamp x", "x:1: not valid YAML: 'x' is not a valid timestamp"),
    ("2024-02-30", "x:1: not valid YAML: '2024-02-30' is not a valid timestamp"),
    ("2024-01-01T25:00:00Z", "x:1: not valid YAML"),
    ("2024-01-01T00:00:00+99:99", "x:1: not valid YAML"),
    ("!!binary é", "x:1: not valid YAML"),
    ("!!binary a", "x:1: not valid YAML"),
    ("!!str [a]", "x:1: not valid YAML"),
    ("!!set [a]", "x:1: not valid YAML"),
    ("!!omap a", "x:1: not valid YAML"),
    ("!!omap [a]", "x:1: not valid YAML"),
    ("!!pairs [[a]]", "x:1: not valid YAML"),
    ("!!python/name:os.system", "x:1: not valid YAML"),
    ("!!python/object/apply:os.system [x]", "x:1: not valid YAML"),
    ("!vault |\n  $ANSIBLE_VAULT\n", "x:1: not valid YAML"),
    ("!include x.yml", "x:1: not valid YAML"),
    ("1" * 5000, "x:1: not valid YAML"),
    ("a: \x01", "x: not valid YAML"),
    ("a: \ud800", "x: not valid YAML"),
    ("[" * 1100, "nested too deeply"),
    ("[" * 1100 + "]" * 1100, "nested too deeply"),
    ("- " * 1100 + "a", "nested too deeply"),
    ("{a: " * 1100 + "1" + "}" * 1100, "nested too deeply"),
    (BILLION, "more than 100000 parts"),
    ("a\n---\nb", "x:3: not valid YAML: a second document starts here"),
]


@pytest.mark.parametrize(("text", "said"), TEXTS, ids=[repr(text)[:40] for text, _ in TEXTS])
def test_texts(text: str, said: str) -> None:
    with pytest.raises(LabError) as caught:
        yaml_files.parse_one(text, "x")
    is_refusal(caught.value, said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"a: \xc3\x28", "it is not UTF-8 text"),
        ("a: ä".encode("utf-16"), "it is not UTF-8 text"),
        (b"\x7fELF\x02\x01\x01\0\0", "special characters are not allowed"),
        (b"\x89PNG\r\n\x1a\n", "it is not UTF-8 text"),
        (b"\0" * 64, "special characters are not allowed"),
        (b"a" * (17 << 20), "larger than 16 MiB"),
    ],
)
def test_contents(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_bytes(content)
    with pytest.raises(LabError, match=said) as caught:
        yaml_files.read(path, "manifest")
    is_refusal(caught.value, path)


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").touch()
    names = ("loop", "dangling", ".", "nothing", "file/x", "x" * 300, "a\0b")
    for path in (tmp_path / name for name in names):
        with pytest.raises(LabError, match="can't be read") as caught:
            yaml_files.read(path, "manifest")
        is_refusal(caught.value, "")
    with pytest.raises(LabError, match="larger than 16 MiB"):
        yaml_files.read(Path("/dev/zero"), "manifest")


# What YAML is made of, so that more than the first character is read.
WORDS = st.sampled_from(
    [
        *"-?:,[]{}#&*!|>'\"%@`\n\t \\",
        "- ",
        ": ",
        "a",
        "b",
        "1",
        "\n  ",
        "---\n",
        "&a ",
        "*a",
        "<<",
        "!!int ",
        "!!binary ",
        "!!timestamp ",
        "!!omap ",
        "!!set ",
        "!!python/name:a ",
        "1e3",
        ".inf",
        "2024-01-01",
        "0o7",
        "1:60",
        "~",
        "null",
        "yes",
        "\ufeff",
        "\x00",
        "\x85",
        "ä",
    ]
)
YAML = st.one_of(st.text(), st.lists(WORDS, max_size=40).map("".join))


@given(YAML)
def test_fuzzed_texts(text: str) -> None:
    try:
        yaml_files.parse(text, "x")
    except LabError as error:
        is_refusal(error, "x")
