"""Measures how long daemons, Kubernetes and images take from empty caches, and their sizes.

Run as root: ``.venv/bin/python benchmarks/binaries.py [FOLDER]``. It works in FOLDER (by default a
temporary one), leaves the lab's own cache alone, and prints a Markdown table.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROLES = ("machine", "kubernetes", "images")
MIB = 1 << 20


def main() -> None:
    """Measure in the folder from the command line, or in a temporary one."""
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory(prefix="latihan-", dir="/var/tmp") as folder:
            measure(Path(folder))


def measure(folder: Path) -> None:
    """Print a table of a first and a second run, and a table of the cache."""
    first, second = timed(folder), timed(folder)
    print("| Role | empty cache | warm cache |\n|---|---|---|")
    for role in ROLES:
        print(f"| {role} | {first[role]:.1f} s | {second[role]:.1f} s |")
    print("\n| In the cache | size |\n|---|---|")
    for name, size in sizes(folder / "cache"):
        print(f"| {name} | {size / MIB:.0f} MiB |")


def timed(folder: Path) -> dict[str, float]:
    """Seconds of each role, run on its own; about one second of each is Ansible's start."""
    took: dict[str, float] = {}
    for role in ROLES:
        play = folder / f"{role}.yml"
        play.write_text(f"- hosts: lab\n  gather_facts: false\n  roles: [latihan.lab.{role}]\n")
        started = time.monotonic()
        subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), play],
            cwd=ROOT,
            env={**os.environ, "LATIHAN_CACHE": str(folder / "cache")},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        took[role] = time.monotonic() - started
    return took


def sizes(cache: Path) -> Iterator[tuple[str, int]]:
    """The size of each part of the cache, in bytes on disk."""
    for part in sorted(cache.iterdir()):
        files = (path.lstat() for path in part.rglob("*"))
        yield part.name, sum(status.st_blocks * 512 for status in files)


if __name__ == "__main__":
    main()
