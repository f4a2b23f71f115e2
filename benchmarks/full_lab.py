"""Measures full-lab as a user sees it: from the start to the report, and the lab's memory.

Run as root, on a machine that does nothing else: ``.venv/bin/python benchmarks/full_lab.py``.
``--cold`` starts with empty caches, in a folder of their own, so that yours stay.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from latihan.base import project
from latihan.base.processes import usage

ROOT = Path(__file__).parents[1]
PROFILE = "latihan-bench"
_MIB = 2**20


def runner(name: str, environment: dict[str, str]) -> float:
    """Run a playbook; returns its duration in seconds, and ends the benchmark if it fails."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(ROOT / "runner.py"), name, "--profile", PROFILE],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{name} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.monotonic() - started


def measure(environment: dict[str, str]) -> list[str]:
    """One round: full-lab, full-lab on the running lab, memory, teardown."""
    first = runner("full-lab", environment)
    path = project.from_environment().artifacts(PROFILE) / "latest" / "report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    steps, spent = report["steps"], report["spent_s"]
    checked = f"{spent['outcomes']:.1f} s, and {spent['waits']:.1f} s of waits"
    made = next(number for number, step in enumerate(steps) if step["name"] == "cluster")
    provision = sum(step["duration_s"] for step in steps[: made + 1])
    second = runner("full-lab", environment)
    lab = project.from_environment().profile(PROFILE)
    standing = usage(providers.of(lab).processes(lab))
    down = runner("teardown", environment)
    memory = f"{standing.memory / _MIB:.0f} MiB in {standing.processes}"
    return [*(f"{value:.1f} s" for value in (first, provision, second, down)), checked, memory]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="Measure full-lab.")
    parser.add_argument("--cold", action="store_true", help="start with empty caches")
    parser.add_argument("--rounds", type=int, default=1, help="how many rounds (1)")
    options = parser.parse_args()
    table = Table(
        "round", "full-lab", "provision", "again", "teardown", "outcomes", "lab's processes"
    )
    with tempfile.TemporaryDirectory(prefix="latihan-bench-") as folder:
        cache = {"LATIHAN_CACHE": folder} if options.cold else {}
        environment = {**os.environ, **cache}
        runner("teardown", environment)
        for number in range(1, options.rounds + 1):
            table.add_row(str(number), *measure(environment))
    Console().print(table)


if __name__ == "__main__":
    main()
