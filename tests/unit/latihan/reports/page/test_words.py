"""Flows in words, and which of them are drawn."""

from __future__ import annotations

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Flow
from latihan.reports.page.words import caption, drawn

ASKED = [Flow(stops=("host", f"pod/p{n}"), goal=f"pod/p{n}") for n in range(9)]


def traced(*stops: str, reason: str = "ok") -> Flow:
    return Flow(stops=stops, goal="pod/p3", reason=reason, seen=True)


def test_a_picture_holds_four() -> None:
    assert drawn(ASKED) == ASKED[:4]


def test_a_traced_path_is_drawn_alone() -> None:
    way = traced("pod/p1", "node/two", "pod/p3")
    assert drawn([*ASKED, way]) == [way]


def test_a_path_that_ended_early_comes_before_one_that_did_not() -> None:
    bad = traced("pod/p1", "node/two", reason="stopped")
    assert drawn([traced("pod/p1", "pod/p3"), bad]) == [bad]


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (
            traced("pod/p1", "node/two", "node/one", "pod/p3"),
            "p1 to p3 by way of two and one: answered",
        ),
        (
            Flow(stops=("host",), goal="pod/p1", reason="no_route", asked="HTTP"),
            "host to p1 (HTTP): no route",
        ),
        (
            Flow(stops=("host", "node/two"), goal="service/s1", reason="timeout", asked="HTTP"),
            "host to s1 by way of two (HTTP): timed out",
        ),
        (
            Flow(stops=("pod/p2", "service/s1"), goal="service/s1", asked="HTTP", times=20),
            "p2 to s1 (HTTP): answered, 20 times",
        ),
    ],
)
def test_a_flow_is_told_in_words(flow: Flow, words: str) -> None:
    assert caption(flow) == words
