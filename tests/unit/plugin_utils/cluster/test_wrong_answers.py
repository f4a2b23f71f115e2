"""Whatever the API, kubectl and ip answer: facts, or an error that says who answered that."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import (
    api,
    facts,
    kubectl,
    predecessors,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract, Stopped
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from tests.unit.plugin_utils.conftest import DATA
from tests.wrong import mutations

KINDS = ("nodes", "pods", "services", "endpoints")
RECORDED = {
    kind: json.loads((DATA / f"{kind}.json").read_text(encoding="utf-8"))["items"][:1]
    for kind in KINDS
}
MUTATED = [(kind, each) for kind in KINDS for _, each in mutations(RECORDED[kind])]
NAMES = st.sampled_from(
    [
        "metadata",
        "name",
        "spec",
        "status",
        "conditions",
        "type",
        "addresses",
        "ports",
        "subsets",
        "ifname",
        "mtu",
        "addr_info",
        "local",
        "family",
        "dst",
        "kind",
        "details",
        "causes",
        "items",
        "reason",
        "message",
        "containerStatuses",
        "state",
        "running",
        "podIPs",
        "loadBalancer",
    ]
)
TEXT = st.text(st.characters(exclude_categories=()), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just("inet"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXT, inner, max_size=4),
    max_leaves=12,
)
NOTHING: dict[str, Any] = {kind: [] for kind in KINDS}


def is_answer(error: LabError) -> None:
    assert "API" in error.message
    assert len(error.message.splitlines()) == 1


def assembled(contract: Contract, items: dict[str, Any]) -> None:
    try:
        facts.assemble(items, "default", contract).plain()
    except LabError as error:
        is_answer(error)


def test_every_part_of_recorded_answers(contract: Contract) -> None:
    for kind, items in MUTATED:
        assembled(contract, {**RECORDED, kind: items})


@given(st.sampled_from(KINDS), JSON)
def test_fuzzed_objects(kind: str, items: Any) -> None:
    contract = Contract("x", "embedded", "k", "k", "192.0.2.1", Stopped(), ())
    assembled(contract, {**NOTHING, kind: items})


PRINTED = st.text() | st.lists(JSON.map(json.dumps) | st.sampled_from(["[", "\n", "[]", "x"])).map(
    "".join
)


@given(PRINTED)
def test_fuzzed_networks(printed: str) -> None:
    interfaces, routes = facts.network_of(printed)
    assert (interfaces is None) == (routes is None)


@pytest.mark.parametrize(
    "printed",
    [
        *("5 5", "{} {}", "[] 5", "[5] []", "[[]] []", "[] [5]", '[{"ifname": 5}] []', "null null"),
        *('[{"ifname": "a", "mtu": "x"}] []', '[{"ifname": "a", "addr_info": 5}] []', "[" * 5000),
        *('[{"ifname": "a", "addr_info": [5]}] []', '[] [{"dst": 5}]', "Error: x", "[] [] []"),
    ],
)
def test_networks(printed: str) -> None:
    assert facts.network_of(printed) == (None, None)


@given(PRINTED)
def test_fuzzed_ends_of_commands(status: str) -> None:
    code, error = api.exit_status(status)
    assert code is None or isinstance(code, int)
    assert isinstance(error, str)


@given(PRINTED, st.integers(100, 599))
def test_fuzzed_refusals(body: str, status: int) -> None:
    error = api.refusal("/x", status, body)
    assert isinstance(error.message, str)


def logged(value: object) -> list[str]:
    """A body as kubectl -v=8 has it in its log, in each of its forms."""
    text = json.dumps(value)
    quoted = f'"Response Body" body={json.dumps(text)}'
    return [f"Response Body: {text}", quoted, f'"Response Body" body=<\n\t{text}\n >\n']


@given(PRINTED | JSON.flatmap(lambda value: st.sampled_from(logged(value))))
def test_fuzzed_kubectl(stderr: str) -> None:
    kubectl.status_object(stderr)
    kubectl.plain_error(stderr)


@given(PRINTED)
def test_fuzzed_documents(text: str) -> None:
    try:
        assert isinstance(api.document(text, "https://127.0.0.1:1"), dict)
    except LabError as error:
        is_answer(error)


@given(JSON)
def test_fuzzed_running_pods(items: Any) -> None:
    assert predecessors.replaced(items if isinstance(items, list) else [], []) == []
