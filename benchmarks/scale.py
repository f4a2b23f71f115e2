"""Measures labs of 1 to 50 nodes: making them, their memory, and all pairs of pods over HTTP.

Run as root, with warm caches, on a machine that does nothing else: ``.venv/bin/python
benchmarks/scale.py``. Each node has one pod, and each pod asks all others. With ``--plot FILE`` the
figures become a picture; that needs ``.venv/bin/pip install -r benchmarks/requirements.txt``. Labs
of more than 21 nodes need more instances of inotify than most machines allow, and labs of more than
30 a larger table of neighbours; the benchmark ends with the settings if they are missing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live
from benchmarks import all_pairs, svg
from latihan.base import project
from latihan.base.processes import usage

SIZES = (1, 2, 5, 10, 20, 35, 50)
_MIB = 2**20


@dataclass(frozen=True)
class Measured:
    """One lab: how many nodes, seconds to make it, MiB of memory, seconds for all its pairs."""

    nodes: int
    made: float
    memory: float
    processes: int
    asked: float

    @property
    def pairs(self) -> int:
        """How many probes there were."""
        return self.nodes * (self.nodes - 1)


def measure(nodes: int, rounds: int) -> Measured:
    """Make a lab with that many nodes, measure it, and remove it."""
    size = json.dumps({"lab_nodes": nodes})
    try:
        made = all_pairs.seconds(lambda: all_pairs.runner("provision", "-e", size))
        profile = project.from_environment().profile(all_pairs.PROFILE)
        standing = usage(providers.of(profile).processes(profile))
        lab = live.lab(str(profile.contract), all_pairs.NAMESPACE)
        places = [node.name for node in lab.contract.nodes]
        all_pairs.kubectl(lab, "create", "namespace", all_pairs.NAMESPACE)
        manifest = all_pairs.pods(nodes, logged=False, places=places)
        all_pairs.kubectl(lab, "apply", "-f", "-", stdin=manifest)
        all_pairs.ready(lab, nodes)
        asked = [
            all_pairs.seconds(lambda: all_pairs.check(lab)) for _ in range(rounds * (nodes > 1))
        ]
    finally:
        all_pairs.runner("teardown")
    return Measured(
        nodes, made, standing.memory / _MIB, standing.processes, statistics.median(asked or [0.0])
    )


def formulas(found: Sequence[Measured]) -> dict[str, str]:
    """The lines that the figures are closest to, by least squares."""
    nodes = [each.nodes for each in found]

    def line(values: Sequence[float]) -> statistics.LinearRegression:
        return statistics.linear_regression(nodes, values)

    made, memory = line([each.made for each in found]), line([each.memory for each in found])
    pairs = statistics.linear_regression(
        [each.pairs for each in found], [each.asked for each in found]
    )
    return {
        "making it": f"{made.intercept:.1f} s + {made.slope:.2f} s a node",
        "memory": f"{memory.intercept:.0f} MiB + {memory.slope:.0f} MiB a node",
        "all pairs": f"{pairs.intercept:.2f} s + {1000 * pairs.slope:.2f} ms a pair",
    }


def plot(found: Sequence[Measured], path: Path) -> None:
    """Draw the figures."""
    panels: tuple[tuple[str, Callable[[Measured], float]], ...] = (
        ("seconds to make the lab", lambda each: each.made),
        ("GiB of memory", lambda each: each.memory / 1024),
        ("seconds for all pairs", lambda each: each.asked),
    )
    figure, axes = svg.pyplot(9).subplots(1, len(panels), figsize=(10, 3), layout="constrained")
    for axis, (label, value) in zip(axes, panels, strict=True):
        axis.plot([each.nodes for each in found], [value(each) for each in found], marker="o")
        axis.set(xlabel="nodes", title=label, xlim=(0, None), ylim=(0, None))
        axis.grid(visible=True, alpha=0.3)
    svg.save(figure, path)


def main() -> None:
    """Measure, and print a table and what the figures come to."""
    parser = argparse.ArgumentParser(description="Measure labs of many nodes.")
    parser.add_argument("--nodes", type=int, nargs="*", default=SIZES, help="how many nodes")
    parser.add_argument("--rounds", type=int, default=3, help="how often to ask all pairs (3)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures, as an SVG")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores\n")
    print(
        "| nodes | provision | memory | processes | pairs | all pairs |\n|---|---|---|---|---|---|"
    )
    found = []
    for nodes in options.nodes:
        each = measure(nodes, options.rounds)
        found.append(each)
        print(
            f"| {nodes} | {each.made:.1f} s | {each.memory:.0f} MiB | {each.processes}"
            f" | {each.pairs} | {each.asked:.2f} s |",
            flush=True,
        )
    if len(found) > 1:
        print("\n" + "\n".join(f"{what}: {how}" for what, how in formulas(found).items()))
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
