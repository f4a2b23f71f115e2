"""Outcomes with a wrong part: refused, with file and line, before anything is probed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    ExpressionError,
    compiled,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.templates import template
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import load
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import place
from tests.wrong import is_refusal, mutations

WHOLE: dict[str, Any] = {
    "id": "X1",
    "title": "A page is there",
    "vars": {"given": 1},
    "probes": {
        "page": {
            "from": "host",
            "http": "http://${item.ip}/",
            "each": "values(pods)",
            "want": ["ok"],
            "count": 2,
            "after": 0.5,
            "timeout": 2.5,
            "options": {"host": "x"},
        },
        "nodes": {"kubectl": ["get", "nodes"]},
    },
    "expect": [{"that": "lab.nodes[0] == 'x'", "otherwise": "Not ${lab.nodes}"}],
    "control": ["probes.nodes.ok"],
    "expected": "A page",
    "observed": "${probes.nodes.ok}",
    "within": 1.5,
    "reread": True,
    "false_alarm": "never",
    "article": "Nothing.",
    "skip": [{"when": "lab.nodes == `[]`", "reason": "There are none"}],
    "explain": ["page"],
    "evidence": ["given"],
}
OPTIONAL = {*WHOLE, *WHOLE["probes"]["page"], "page", "host", "given", "otherwise"} - {
    *("id", "title", "expect", "expected", "observed", "from", "http")
}
# What is right too: any value of a variable, a word for a list of one, a whole number of seconds.
RIGHT = {
    *("probes.page.each None", "probes.page.want 'x'", "vars.given missing"),
    *("probes.page.after 7", "probes.page.timeout 7", "within 7", "vars unknown"),
    *("vars {}", "probes.page.each missing"),
}
MUTATED = {
    name: each
    for name, each in mutations(WHOLE, OPTIONAL)
    if name not in RIGHT and not name.startswith("vars.") and not name.startswith("control.0 ")
}
TEXTS: list[tuple[str, str]] = [
    ("", "not a list of outcomes"),
    ("null", "not a list of outcomes"),
    ("[]", "not a list of outcomes"),
    ("{}", "not a list of outcomes"),
    ("x", "not a list of outcomes"),
    ("1", "not a list of outcomes"),
    ("- x", "outcome 1"),
    ("- null", "outcome 1"),
    ("- []", "outcome 1"),
    ("- {}", "outcome 1"),
    ("- {1: 2}", "outcome 1"),
    ("- {null: null}", "outcome 1"),
    ("- {2024-01-01: x}", "outcome 1"),
    ("- id: ''", "outcome"),
    ("- id: [X]", "outcome"),
    ("- id: x\n- id: y", "outcome x"),
    ("[" * 1100, "nested too deeply"),
]
EXPRESSIONS = [
    *("", " ", "[", "]", "a[", "a.", ".a", "a..b", "a[?", "a[?b", "a[::0]", "`", "'", '"'),
    *("pods.p1.ip ==", "== pods", "!", "&&", "|", "a | ", "f(", "f(a", "nope(pods)", "&", "@@"),
    *("pods.p1.nothing == 'x'", "nothing == 'x'", "lab.x == 'x'", "a b"),
    *("lab[99999999999999999999999999", "`" + "[" * 1100 + "`", "(" * 1100, "a[" * 1100, "\0", "é"),
]


def refused(tmp_path: Path, text: str) -> LabError:
    path = tmp_path / "own.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabError) as caught:
        load([path])
    is_refusal(caught.value, path)
    return caught.value


def test_the_whole_one_is_right(tmp_path: Path) -> None:
    path = tmp_path / "own.yml"
    path.write_text(yaml.safe_dump([WHOLE]), encoding="utf-8")
    assert [outcome.id for outcome in load([path])] == ["X1"]


@pytest.mark.parametrize("name", MUTATED)
def test_documents(tmp_path: Path, name: str) -> None:
    refused(tmp_path, yaml.safe_dump([MUTATED[name]]))


@pytest.mark.parametrize(("text", "said"), TEXTS, ids=[repr(text)[:40] for text, _ in TEXTS])
def test_texts(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text).message


@pytest.mark.parametrize("source", EXPRESSIONS, ids=[repr(text)[:40] for text in EXPRESSIONS])
def test_expressions(tmp_path: Path, source: str) -> None:
    refused(tmp_path, yaml.safe_dump([{**WHOLE, "expect": [source]}]))


@pytest.mark.parametrize(
    "text", ["${", "${}", "a ${lab", "${lab.x}", "${'}", "${pods.p1.ip} ${", "${nothing}", "${{}"]
)
def test_sentences(tmp_path: Path, text: str) -> None:
    refused(tmp_path, yaml.safe_dump([{**WHOLE, "expected": f"It is {text}"}]))


@pytest.mark.parametrize(
    "text", ["", "hosts", "host/x", "node", "node/", "node/a/b", "pod", "pod/", "pod/a/b/c"]
)
def test_places(text: str) -> None:
    with pytest.raises(LabError) as caught:
        place(text)
    is_refusal(caught.value, "is not a place")


# What expressions are made of.
WORDS = st.sampled_from(
    [
        *"[](){}|&!@*.,:?`'\"<=> ",
        "==",
        "&&",
        "||",
        "[?",
        "[]",
        "a",
        "pods",
        "`1`",
        "'x'",
        "-1",
        "0",
        "length(",
        "unique(",
        "same(",
        "every(&",
        "root()",
        "split(",
        "owner(",
        "sort_by(",
        "max_by(",
        "lookup(",
        "between(",
        "in_network(",
        "to_number(",
        "join(",
        "map(&",
        "merge(",
        "sum(",
    ]
)
SOURCES = st.text() | st.lists(WORDS, max_size=20).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "pods", "addresses"]), inner)
    ),
    max_leaves=8,
)


@given(SOURCES, VALUES)
def test_fuzzed_expressions(source: str, document: Any) -> None:
    try:
        expression = compiled(source)
        expression.paths()
        expression.holds(document)
        expression.value(document)
    except ExpressionError:
        return


@given(st.lists(SOURCES | st.sampled_from(["${", "}"]), max_size=5).map("".join), VALUES)
def test_fuzzed_sentences(source: str, document: Any) -> None:
    try:
        made = template(source)
        made.text(document)
        made.value(document)
    except ExpressionError:
        return


@given(
    st.dictionaries(st.sampled_from(sorted(WHOLE)), VALUES | SOURCES),
    st.dictionaries(st.sampled_from(sorted(WHOLE["probes"]["page"])), VALUES | SOURCES),
)
@example({"id": "\x85"}, {})
def test_fuzzed_entries(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, Any], probe: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.yml"
    entry = {**WHOLE, "probes": {"page": {**WHOLE["probes"]["page"], **probe}}, **fields}
    path.write_text(yaml.safe_dump([entry]), encoding="utf-8")
    try:
        load([path])
    except LabError as error:
        is_refusal(error, path)
