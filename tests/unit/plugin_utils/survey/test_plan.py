"""Which nodes and pairs a survey is of."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.survey.plan import choose


def node(name: str, **more: Any) -> dict[str, Any]:
    ready = "False" if more.pop("late", False) else "True"
    return {
        "metadata": {"name": name, "labels": more.pop("labels", {})},
        "spec": more,
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def many(count: int) -> list[dict[str, Any]]:
    return [node(f"n{number}") for number in range(count)]


def test_all_pairs_of_a_small_cluster() -> None:
    choice = choose(many(3), seed=1, most_nodes=50, most_pairs=1000)
    assert choice.nodes == ("n0", "n1", "n2")
    assert len(set(choice.pairs)) == choice.possible == 6
    assert all(one != other for one, other in choice.pairs)


def test_a_node_that_takes_no_pods_is_left_out_with_its_reason() -> None:
    nodes = [
        node("a"),
        node("b", unschedulable=True),
        node("c", taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]),
        node("d", taints=[{"key": "soft", "effect": "PreferNoSchedule"}]),
        node("e", late=True),
        node("f", labels={"kubernetes.io/os": "windows"}),
    ]
    choice = choose(nodes, seed=1, most_nodes=50, most_pairs=1000)
    assert choice.nodes == ("a", "d")
    assert choice.skipped == {
        "b": "It is cordoned.",
        "c": "It has the taint gpu=yes:NoSchedule.",
        "e": "It is not Ready.",
        "f": "Its system is windows.",
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_in_a_sample_each_node_asks_and_is_asked(seed: int) -> None:
    choice = choose(many(500), seed, most_nodes=40, most_pairs=100)
    assert len(choice.nodes) == 40
    assert len(choice.skipped) == 460
    assert len(set(choice.pairs)) == 100
    assert {one for one, _ in choice.pairs} == {other for _, other in choice.pairs}
    assert {one for one, _ in choice.pairs} == set(choice.nodes)


def test_the_same_seed_draws_the_same_sample_and_another_one_another() -> None:
    nodes = many(60)
    first, again = (choose(reversed(nodes[::step]), 7, 20, 30) for step in (1, 1))
    assert first == again
    assert choose(nodes, 8, 20, 30) != choose(nodes, 7, 20, 30)


def test_more_nodes_than_pairs_still_make_a_ring() -> None:
    choice = choose(many(10), seed=1, most_nodes=50, most_pairs=4)
    assert len(choice.pairs) == 10


def test_one_node_has_no_pair() -> None:
    choice = choose(many(1), seed=1, most_nodes=50, most_pairs=1000)
    assert (choice.nodes, choice.pairs, choice.possible) == (("n0",), (), 0)
