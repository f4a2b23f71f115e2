"""How long it takes to have daemons, Kubernetes and images from empty caches, and their sizes.

Run as root: ``.venv/bin/python benchmarks/binaries.py [FOLDER]``. It works in FOLDER (a temporary
one by default), leaves the lab's own cache alone, and prints a Markdown table.
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
    """Measure in the folder named, or in a temporary one."""
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory(prefix="latihan-", dir="/var/tmp") as folder:
            measure(Path(folder))


def measure(folder: Path) -> None:
    """Print a table of a first run and a second one, and of what is kept."""
    first, second = timed(folder), timed(folder)
    print("| Role | empty cache | warm cache |\n|---|---|---|")
    for role in ROLES:
        print(f"| {role} | {first[role]:.1f} s | {second[role]:.1f} s |")
    print("\n| Kept | size |\n|---|---|")
    for name, size in sizes(folder / "cache"):
        print(f"| {name} | {size / MIB:.0f} MiB |")


def timed(folder: Path) -> dict[str, float]:
    """Seconds of each role, each in a run of its own (of which Ansible's start takes one)."""
    took: dict[str, float] = {}
    for role in ROLES:
        play = folder / f"{role}.yml"
        play.write_text(f"- hosts: lab\n  gather_facts: false\n  roles: [{role}]\n")
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
    """What each part of the cache takes up, in bytes on the disk."""
    for part in sorted(cache.iterdir()):
        files = (path.lstat() for path in part.rglob("*"))
        yield part.name, sum(status.st_blocks * 512 for status in files)


if __name__ == "__main__":
    main()
