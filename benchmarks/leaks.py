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
from tests.integration.outside import watched

PROFILE = "latihan-leaks"
_PLAYBOOKS = ("teardown", "full-lab", "verify", "stop", "start", "verify", "teardown")


def main() -> None:
    """Run the playbooks, print what left meanwhile, and exit with 1 if anything did."""
    with watched() as machine:
        for name in _PLAYBOOKS:
            done = subprocess.run(
                [*machine.enter, *command(name, "--profile", PROFILE)], check=False
            )
            if done.returncode != 0:
                sys.exit(f"{name} exited with {done.returncode}")
        counted = machine.counted()
    table = Table("what left the machine", "packets")
    for rule, packets in counted.items():
        table.add_row(rule, str(packets))
    Console().print(table)
    sys.exit(int(any(counted.values())))


if __name__ == "__main__":
    main()
