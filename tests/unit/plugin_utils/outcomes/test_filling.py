"""Probes filled in from facts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    Document,
    ExpressionError,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import ProbeEntry
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.filling import filled
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Place


def entry(**fields: Any) -> ProbeEntry:
    return ProbeEntry.model_validate({"from": "host", **fields})


def test_a_probe_is_filled_in(document: Document) -> None:
    (probe,) = filled("x", entry(http="http://${pods.p1.ip}/", timeout=1), document)
    assert probe.place == Place("host")
    assert probe.target == f"http://{document['pods']['p1']['ip']}/"
    assert probe.timeout == 1


def test_a_probe_for_each_node(document: Document) -> None:
    each = entry(**{"each": "values(nodes)", "from": "node/${item.name}", "icmp": "${item.name}"})
    probes = filled("x", each, document)
    assert [str(probe.place) for probe in probes] == ["node/uji", "node/uji-m02"]
    assert [probe.target for probe in probes] == ["uji", "uji-m02"]


def test_a_probe_many_times(document: Document) -> None:
    assert len(filled("x", entry(http="http://s1/", count=20), document)) == 20


def test_words_are_filled_in_one_by_one(document: Document) -> None:
    (probe,) = filled("x", entry(exec=["echo", "a b", "${lab.profile}"]), document)
    assert probe.target == ("echo", "a b", "uji")


@pytest.mark.parametrize(
    "fields",
    [
        {"http": "http://${pods.p9.ip}/"},
        {"http": "http://${pods.stuck.ip}/"},
        {"each": "values(pods)[?node == 'none']", "http": "${item.ip}"},
        {"each": "pods", "http": "x"},
    ],
)
def test_a_probe_of_what_is_not_there(document: Document, fields: Document) -> None:
    with pytest.raises(ExpressionError):
        filled("x", entry(**fields), document)
