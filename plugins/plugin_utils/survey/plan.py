"""Which nodes a survey is of, and which pairs of them it asks. Pure functions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject

_REPELS = ("NoSchedule", "NoExecute")
_SYSTEM = "kubernetes.io/os"

Pair = tuple[str, str]


@dataclass(frozen=True)
class Sample:
    """The nodes and pairs of a survey.

    Args:
        nodes: the nodes that take part.
        skipped: why each other node doesn't, by its name.
        pairs: who asks whom, by their nodes' names; two different ones.
        possible: how many such pairs the nodes have.
    """

    nodes: tuple[str, ...]
    skipped: dict[str, str]
    pairs: tuple[Pair, ...]
    possible: int


def choose(nodes: Iterable[ApiObject], seed: int, most_nodes: int, most_pairs: int) -> Sample:
    """Choose from the cluster's nodes; the same seed and nodes give the same choice.

    Args:
        nodes: the nodes, as the API has them.
        seed: by what nodes and pairs are chosen if there are too many.
        most_nodes: how many nodes take part at most.
        most_pairs: how many pairs are asked at most, but each node asks and is asked once.
    """
    chance = random.Random(seed)  # noqa: S311 - a sample that can be drawn again is no secret
    refusals = {item["metadata"]["name"]: _refuses(item) for item in nodes}
    takers = sorted(name for name, why in refusals.items() if not why)
    chosen = sorted(chance.sample(takers, min(most_nodes, len(takers))))
    left_out = f"It is not in the sample of {len(chosen)} nodes."
    skipped = {
        name: why or left_out for name, why in sorted(refusals.items()) if name not in chosen
    }
    possible = len(chosen) * (len(chosen) - 1)
    return Sample(tuple(chosen), skipped, tuple(_pairs(chosen, chance, most_pairs)), possible)


def _refuses(item: ApiObject) -> str:
    """Why a node takes no pods of a survey; empty if it does."""
    known = facts.node(item)
    if not known.ready:
        return "It is not Ready."
    if known.unschedulable:
        return "It is cordoned."
    system = known.labels.get(_SYSTEM, "linux")
    if system != "linux":
        return f"Its system is {system}."
    for taint in item["spec"].get("taints") or []:
        if taint.get("effect") in _REPELS:
            value = f"={taint['value']}" if taint.get("value") else ""
            return f"It has the taint {taint['key']}{value}:{taint['effect']}."
    return ""


def _pairs(nodes: Sequence[str], chance: random.Random, most: int) -> list[Pair]:
    """All pairs if they aren't too many, else a ring, so that no node is left out, and others."""
    every = [(one, other) for one in nodes for other in nodes if one != other]
    if len(every) <= most:
        return every
    ring = list(nodes)
    chance.shuffle(ring)
    sample = dict.fromkeys(zip(ring, [*ring[1:], ring[0]], strict=True))
    others = [pair for pair in every if pair not in sample]
    more = chance.sample(others, min(len(others), max(0, most - len(sample))))
    return sorted([*sample, *more])
