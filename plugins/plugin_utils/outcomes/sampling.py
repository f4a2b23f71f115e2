"""Which nodes of a large cluster outcomes ask. Pure functions."""

from __future__ import annotations

import random
import sys
from collections.abc import Collection
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import Document
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts


@dataclass(frozen=True)
class NodeSampling:
    """How nodes are chosen if there are too many.

    Args:
        seed: the same seed, nodes and pods give the same choice.
        most: how many outcomes ask at most, but those where the lab's pods run in any case.
    """

    seed: int = 1
    most: int = 50

    def chosen(self, known: Facts) -> frozenset[str]:
        """The names of the nodes that are asked."""
        if len(known.nodes) <= self.most:
            return frozenset(known.nodes)
        homes = {pod.node for pod in known.pods.values() if pod.node in known.nodes}
        others = sorted(known.nodes.keys() - homes)
        chance = random.Random(self.seed)  # noqa: S311 - a sample that can be drawn again is no secret
        more = chance.sample(others, max(0, self.most - len(homes)))
        return frozenset([*homes, *more])

    def told(self, names: Collection[str], known: Facts) -> str:
        """The choice in words; empty if all are asked."""
        if len(names) == len(known.nodes):
            return ""
        return f"{len(names)} of {len(known.nodes)} nodes asked, chosen by the seed {self.seed}"


EVERY_NODE = NodeSampling(most=sys.maxsize)


def narrowed(document: Document, names: Collection[str]) -> Document:
    """Facts as plain data, with these nodes alone."""
    nodes = {name: node for name, node in document["nodes"].items() if name in names}
    return {**document, "nodes": nodes}
