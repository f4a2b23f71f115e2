"""S8 fails where the traffic policies don't do what it says of them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import compiled
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import load
from tests.places import OUTCOME_FILES

FILE = OUTCOME_FILES / "services.yml"
EVERYWHERE = [("one", "p1"), ("one", "p3"), ("two", "p1"), ("two", "p3")]
AT_HOME = [("two", "p1"), ("one", "p3")]
Answers = list[tuple[str, str]]


def answers(pairs: Answers) -> list[dict[str, Any]]:
    return [{"item": {"name": node}, "body": f"Ini adalah {pod}\n"} for node, pod in pairs]


def holds(probe: str, pairs: Answers) -> bool:
    """Whether what S8 expects of a probe's bodies is met by these answers."""
    [outcome] = [each for each in load([FILE]) if each.id == "S8"]
    [expected] = [each.that for each in outcome.expect if f"probes.{probe}[].join" in each.that]
    document = {
        "nodes": {"one": {}, "two": {}},
        "pods": {"p1": {"node": "two"}, "p3": {"node": "one"}},
        "probes": {probe: answers(pairs)},
    }
    return compiled(expected).holds(document)[0]


def test_any_pod_answers_at_every_node_with_cluster() -> None:
    assert holds("any", [*EVERYWHERE, *EVERYWHERE])


@pytest.mark.parametrize("missing", EVERYWHERE)
def test_a_pod_that_never_answers_at_a_node_is_noticed(missing: tuple[str, str]) -> None:
    assert not holds("any", [pair for pair in EVERYWHERE if pair != missing])


def test_what_the_article_says_is_not_so_with_cluster() -> None:
    assert not holds("any", AT_HOME)


def test_only_its_own_pod_answers_at_a_node_with_local() -> None:
    assert holds("own", AT_HOME)


@pytest.mark.parametrize("wrong", [EVERYWHERE, [("one", "p1"), ("two", "p3")], AT_HOME[:1], []])
def test_another_pod_than_the_node_s_own_is_noticed(wrong: Answers) -> None:
    assert not holds("own", wrong)
