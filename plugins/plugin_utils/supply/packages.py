"""Debian packages unpacked into a folder of the cache, never installed on the machine.

Installing them would start daemons and could remove the user's own packages: Debian's containerd
conflicts with Docker's.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import archives
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import Deb, PrivateApt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry

MANIFEST = "packages.json"


@dataclass(frozen=True)
class DebSet:
    """Packages that are unpacked together.

    ``packages`` are resolved with their dependencies. Only those whose names match a pattern
    (fnmatch(3)) of ``unpack`` are unpacked; the machine has the others, such as libraries.
    ``programs`` are command lines, with paths inside the folder, that must run from there.
    """

    packages: tuple[str, ...]
    unpack: tuple[str, ...]
    programs: tuple[str, ...] = ()

    def wants(self, name: str) -> bool:
        """Whether to unpack a package, given its name."""
        return any(fnmatchcase(name, pattern) for pattern in self.unpack)

    def key(self, system: str) -> str:
        """The folder's name; it depends on the packages and the system."""
        digest_input = json.dumps([self.packages, self.unpack, self.programs, system])
        return f"{system}-{hashlib.sha256(digest_input.encode()).hexdigest()[:12]}"


def libraries(folder: str | Path) -> str:
    """The folders of the libraries that were unpacked with a program, for ld.so(8)."""
    system = sysconfig.get_config_var("MULTIARCH")
    # Debian 12 still packs some below /lib, which is a link to /usr/lib where they are installed.
    return ":".join(f"{folder}/{parent}/{system}" for parent in ("usr/lib", "lib"))


def unpack(debs: Sequence[Deb], into: Path) -> None:
    """Unpack package files into one folder and write their versions to ``packages.json``.

    Raises:
        LabError: one can't be read, or would write outside the folder.
    """
    into.mkdir(parents=True, exist_ok=True)
    progress, guard = Progress("packages unpacked", len(debs)), archives.Guard()
    for deb in debs:
        with archives.package(deb.path) as files:
            archives.extract(files, into, guard)
        progress.advance()
    versions = {deb.name: deb.version for deb in debs}
    (into / MANIFEST).write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")


def provide(deb_set: DebSet, entry: Entry, apt: PrivateApt, *, runnable: bool = True) -> bool:
    """Download packages and unpack them in a folder of the cache, unless that is done already.

    Args:
        deb_set: the packages.
        entry: the folder of the cache.
        apt: downloads them.
        runnable: whether they are for this machine, so that its programs can be tried.

    Returns:
        Whether anything was done; False if they were there already.

    Raises:
        LabError: they can't be downloaded or unpacked, or a program doesn't run; ``entry`` is not
            made then.
    """
    if entry.ready():
        return False
    with apt.locked(), entry.made() as folder:
        if folder is None:
            return False
        debs = apt.fetch(deb_set.packages, deb_set.wants)
        unpack(debs, folder)
        if runnable:
            require_running(deb_set.programs, folder)
    return True


def require_running(programs: Sequence[str], folder: Path) -> None:
    """Run each program from the folder; LabError if one fails (a library may be missing)."""
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries(folder)}
    for line in programs:
        program, *arguments = shlex.split(line)
        try:
            run([str(folder / program), *arguments], env=environment)
        except LabError as error:
            if error.kind is Kind.MACHINE:
                raise
            raise LabError(
                f"{program} was downloaded but doesn't run on this machine: {error.message}",
                "Install the library that is missing, then run the lab again.",
                Kind.MACHINE,
                error.detail,
            ) from error
