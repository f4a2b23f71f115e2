"""The collection as others get it: built, and installed in a place without the project."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.places import ROOT

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Installed:
    """An installed collection; ``place`` is the folder in which Ansible looks for it."""

    place: Path

    @property
    def folder(self) -> Path:
        """The collection's own folder."""
        return self.place / "ansible_collections" / "latihan" / "lab"

    def run(self, *argv: str | Path, **environment: str) -> str:
        """What one of Ansible's programs prints there, with a plain environment.

        Args:
            argv: the program's name and its arguments.
            environment: what it finds in its environment besides.
        """
        done = subprocess.run(
            [BIN / argv[0], *argv[1:]],
            cwd=self.place,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.place),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_COLLECTIONS_PATH": str(self.place),
                # The tests' Python has the checkout in its path, where Ansible looks too.
                "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "[WARNING]" not in done.stderr, done.stderr
        return done.stdout


def installed_in(place: Path) -> Installed:
    """Build the collection and install it below a folder."""
    collection = Installed(place)
    galaxy = ("ansible-galaxy", "collection")
    collection.run(*galaxy, "build", ROOT, "--output-path", place)
    (artifact,) = place.glob("latihan-lab-*.tar.gz")
    collection.run(*galaxy, "install", artifact, "--collections-path", place, "--offline")
    return collection
