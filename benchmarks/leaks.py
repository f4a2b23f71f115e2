"""Counts the packets that leave the machine during a whole full-lab: there should be none.

Run as root, with warm caches: ``.venv/bin/python benchmarks/leaks.py``. The lab runs on a machine
that is a network namespace with a default route, and rules on its way out count: see
tests/integration/outside.py.
"""

from __future__ import annotations

import subprocess
import sys

from rich.console import Console
from rich.table import Table

from tests.integration.labs import command
from tests.integration.outside import Outside, watched

PROFILE = "latihan-leaks"
_PLAYBOOKS = ("teardown", "full-lab", "verify", "stop", "start", "verify")


def play(machine: Outside, name: str) -> None:
    """Run a playbook on that machine, and end the benchmark if it fails."""
    argv = [*machine.enter, *command(name, "--profile", PROFILE)]
    code = subprocess.run(argv, check=False).returncode
    if code != 0:
        sys.exit(f"{name} exited with {code}")


def main() -> None:
    """Run the playbooks, print what left meanwhile, and exit with 1 if anything did."""
    with watched() as machine:
        try:
            for name in _PLAYBOOKS:
                play(machine, name)
        finally:
            play(machine, "teardown")
        counted = machine.counted()
    table = Table("what left the machine", "packets")
    for rule, packets in counted.items():
        table.add_row(rule, str(packets))
    Console().print(table)
    sys.exit(int(any(counted.values())))


if __name__ == "__main__":
    main()
