"""Measures Molecule's scenarios: one on a running cluster, and all, including making the cluster.

Run as root, with warm caches: ``.venv/bin/python benchmarks/molecule.py [SCENARIO | --each]``. It
prints a Markdown table, with the number of runs of ``ansible-playbook``, counted by their recaps.
``--each`` runs each scenario alone, twice in a row, and then all once more in reverse order.
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
    """Measure, and remove the cluster."""
    scenario = sys.argv[1] if len(sys.argv) > 1 else ONE
    rows: list[tuple[str, float, int | str]] = []
    try:
        timed("destroy")
        if scenario == "--each":
            timed("create")
            rows.extend((name, *one(name)) for name in alone())
            return
        rows.append(("create the cluster", *timed("create")))
        rows.append((f"{scenario}, on the running cluster", *one(scenario)))
        rows.append((f"{scenario}, a second time", *one(scenario)))
        rows.append(("destroy the cluster", *timed("destroy")))
        rows.append(("all scenarios, including the cluster", *timed("test", "--all")))
        # Molecule's workers print no recaps, so the playbooks can't be counted.
        seconds, _recaps = timed("test", "--all", "--workers", "3")
        rows.append(("the same, three at a time", seconds, "not counted"))
    finally:
        timed("destroy")
        print_table(rows)


def print_table(rows: list[tuple[str, float, int | str]]) -> None:
    """Print what was measured, even if a later scenario failed."""
    print(f"{os.cpu_count()} cores, mean load of the last 5 minutes {os.getloadavg()[1]:.1f}\n")
    print("| What | time | runs of ansible-playbook |\n|---|---|---|")
    for what, seconds, processes in rows:
        print(f"| {what} | {seconds:.1f} s | {processes} |")


def alone() -> list[str]:
    """The scenarios in the order of ``--each``."""
    names = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
    names.remove("default")
    return [name for each in names for name in (each, each)] + names[::-1]


def one(scenario: str) -> tuple[float, int]:
    """Run a scenario alone, on the running cluster."""
    return timed("test", "-s", scenario, "--destroy=never")


def timed(*arguments: str) -> tuple[float, int]:
    """Run Molecule; returns its duration in seconds, and the number of playbooks that it ran.

    Raises:
        SystemExit: it failed; the message has the end of its output.
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
    """The number of playbooks that ran: each ends with one recap."""
    return output.count("PLAY RECAP")


if __name__ == "__main__":
    main()
