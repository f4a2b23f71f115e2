"""Python packages for another machine: a folder of wheels, for one Python and one processor."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry

# The platforms of wheels that a Debian or Ubuntu of today takes (PEP 600); pip derives none.
_PLATFORMS = tuple(f"manylinux{each}" for each in ("_2_34", "_2_28", "_2_17", "2014", "_2_5", "1"))
# It installs the others: few machines have a pip.
PIP = "pip==26.3"
_TIMEOUT = 1800.0


def entry_for(cache: Path, requirements: Path, python: str, processor: str) -> Entry:
    """The folder of the cache; its name depends on the requirements.

    Args:
        cache: the cache.
        requirements: the file with the packages, every version pinned.
        python: the Python, as in 3.13.
        processor: the processor, as uname(2) calls it.
    """
    digest = hashlib.sha256(requirements.read_bytes() + PIP.encode()).hexdigest()[:12]
    return Entry(cache / "wheels" / f"python{python}-{processor}-{digest}")


def provide(entry: Entry, requirements: Path, python: str, processor: str) -> bool:
    """Download the wheels, unless they are there; returns whether anything was done.

    Raises:
        LabError: pip can't get one, or there is no wheel of it for that Python.
    """
    if entry.ready():
        return False
    with entry.made() as folder:
        if folder is None:
            return False
        argv = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-input",
                "--disable-pip-version-check", "--only-binary=:all:", "--no-deps",
                "--implementation=cp", f"--python-version={python}", "--dest", str(folder),
                *(f"--platform={each}_{processor}" for each in _PLATFORMS),
                PIP, "--requirement", str(requirements)]  # fmt: skip
        done = run(argv, timeout=_TIMEOUT, check=False)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise LabError(
                f"The Python packages for Python {python} can't be fetched:"
                f" {(said or ['pip failed'])[0].removeprefix('ERROR: ')}",
                "Check the network and pip's settings (`pip config list`), then run it again.",
                Kind.MACHINE,
                done.stderr,
            )
    return True
