"""How long Molecule's scenarios take: one on a cluster that stands, and all with their cluster.

Run as root, with warm caches: ``.venv/bin/python benchmarks/molecule.py [SCENARIO | --each]``. It
prints a Markdown table. The runs of ``ansible-playbook`` are counted by their recaps. ``--each``
runs every scenario alone instead, twice in a row, and then all once more in the other order.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ONE = "cluster-ip"


def main() -> None:
    """Measure, and leave no cluster."""
    scenario = sys.argv[1] if len(sys.argv) > 1 else ONE
    rows: list[tuple[str, float, int | str]] = []
    try:
        timed("destroy")
        if scenario == "--each":
            timed("create")
            rows.extend((name, *one(name)) for name in alone())
            return
        rows.append(("create the cluster", *timed("create")))
        rows.append((f"{scenario}, on the standing cluster", *one(scenario)))
        rows.append((f"{scenario}, a second time", *one(scenario)))
        rows.append(("destroy the cluster", *timed("destroy")))
        rows.append(("all scenarios, with the cluster", *timed("test", "--all")))
        # Its workers show no recaps, so the playbooks are not counted.
        seconds, _recaps = timed("test", "--all", "--workers", "3")
        rows.append(("the same, three at a time", seconds, "not counted"))
    finally:
        timed("destroy")
        print_table(rows)


def print_table(rows: list[tuple[str, float, int | str]]) -> None:
    """What was measured, also where one of them failed."""
    print(f"{os.cpu_count()} cores, mean load of the last 5 minutes {os.getloadavg()[1]:.1f}\n")
    print("| What | time | ansible-playbook |\n|---|---|---|")
    for what, seconds, processes in rows:
        print(f"| {what} | {seconds:.1f} s | {processes} |")


def alone() -> list[str]:
    """The scenarios in the order in which ``--each`` runs them; each stands on its own."""
    names = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
    names.remove("default")
    return [name for each in names for name in (each, each)] + names[::-1]


def one(scenario: str) -> tuple[float, int]:
    """A scenario alone, on the cluster that is there."""
    return timed("test", "-s", scenario, "--destroy=never")


def timed(*arguments: str) -> tuple[float, int]:
    """Run Molecule; its seconds, and how many playbooks it ran.

    Raises:
        SystemExit: it failed; the end of its output is in it.
    """
    began = time.monotonic()
    done = subprocess.run(
        [Path(sys.executable).with_name("molecule"), *arguments],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1", "MOLECULE_COMMAND_BORDERS": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"molecule {' '.join(arguments)} failed:\n{done.stdout[-3000:]}")
    return time.monotonic() - began, playbooks(done.stdout)


def playbooks(output: str) -> int:
    """The playbooks that ran: each begins with its plays, and ends with one recap."""
    return output.count("PLAY RECAP")


if __name__ == "__main__":
    main()
