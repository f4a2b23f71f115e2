"""Debian packages for another machine: a folder of package files that apt takes as an archive.

Format: deb822 paragraphs in ``Packages``, as Debian's repository format has them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import Deb, apt_for
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.systems import System

# Every system has these already; newer ones would replace them for nothing.
_EVERYWHERE = "required"


def entry_for(cache: Path, system: System, packages: Sequence[str]) -> Entry:
    """The folder of the cache; its name depends on the packages and the system."""
    digest = hashlib.sha256(json.dumps(list(packages)).encode()).hexdigest()[:12]
    return Entry(cache / "packages" / f"{system.name}-{digest}")


def provide(entry: Entry, cache: Path, system: System, packages: Sequence[str]) -> bool:
    """Download packages and all that they depend on; returns whether anything was done.

    Raises:
        LabError: a package is unknown, or can't be downloaded.
    """
    if entry.ready():
        return False
    apt = apt_for(cache, system)
    with apt.locked(), entry.made() as folder:
        if folder is None:
            return False
        paragraphs = []
        for deb in apt.fetch(packages):
            control = run(["dpkg-deb", "--field", str(deb.path)]).stdout
            if f"Priority: {_EVERYWHERE}" not in control.splitlines():
                shutil.copyfile(deb.path, folder / deb.path.name)
                paragraphs.append(paragraph(control, deb))
        (folder / "Packages").write_text("\n".join(paragraphs), encoding="utf-8")
    return True


def paragraph(control: str, deb: Deb) -> str:
    """A package's paragraph in ``Packages``, from its control fields."""
    content = deb.path.read_bytes()
    return (
        f"{control.rstrip()}\nFilename: ./{deb.path.name}\nSize: {len(content)}\n"
        f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
    )
