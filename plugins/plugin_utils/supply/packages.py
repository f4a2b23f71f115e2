"""Debian packages unpacked into a folder of the cache, never installed on the machine.

Installing would start daemons and could remove what the user has (Debian's containerd conflicts
with Docker's); an unpacked package touches nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import Deb, PrivateApt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry

MANIFEST = "packages.json"
_UNPACK_TIMEOUT = 300


@dataclass(frozen=True)
class DebSet:
    """Packages that belong together.

    ``packages`` are resolved with what they depend on; ``unpack`` are name patterns (fnmatch(3))
    of those that are unpacked, where the machine itself has the rest (libraries). ``programs`` are
    command lines, with paths inside the folder, that must run from there.
    """

    packages: tuple[str, ...]
    unpack: tuple[str, ...]
    programs: tuple[str, ...] = ()

    def wants(self, name: str) -> bool:
        """Whether a package of that name is to be unpacked."""
        return any(fnmatchcase(name, pattern) for pattern in self.unpack)

    def key(self, system: str) -> str:
        """What the folder is called: other packages or another system, another folder."""
        told = json.dumps([self.packages, self.unpack, self.programs, system])
        return f"{system}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def system_name() -> str:
    """The distribution, its version and the machine's kind, as in ``debian-12-x86_64``."""
    release = platform.freedesktop_os_release()
    version = release.get("VERSION_ID") or release.get("VERSION_CODENAME", "rolling")
    return f"{release['ID']}-{version}-{platform.machine()}"


def libraries(folder: str | Path) -> str:
    """Where an unpacked program finds the libraries that were unpacked with it (ld.so(8))."""
    return f"{folder}/usr/lib/{sysconfig.get_config_var('MULTIARCH')}"


def unpack(debs: Sequence[Deb], into: Path) -> None:
    """Unpack package files over each other and note their versions in ``packages.json``."""
    into.mkdir(parents=True, exist_ok=True)
    progress = Progress("packages unpacked", len(debs))
    for deb in debs:
        run(["dpkg-deb", "--extract", str(deb.path), str(into)], timeout=_UNPACK_TIMEOUT)
        progress.advance()
    versions = {deb.name: deb.version for deb in debs}
    (into / MANIFEST).write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")


def provide(wanted: DebSet, entry: Entry, apt: PrivateApt) -> bool:
    """Have the packages unpacked in a folder of the cache.

    Args:
        wanted: the packages.
        entry: where they are to be.
        apt: fetches them.

    Returns:
        Whether it was done now; False when they were there already.

    Raises:
        LabError: they can't be fetched or unpacked; nothing is left at ``entry`` then.
    """
    if entry.ready():
        return False
    with apt.locked(), entry.made() as folder:
        if folder is None:
            return False
        debs = apt.fetch(wanted.packages, wanted.wants)
        unpack(debs, folder)
        prove(wanted.programs, folder)
    return True


def prove(programs: Sequence[str], folder: Path) -> None:
    """Run each program from the folder; LabError where one doesn't (a library is missing, say)."""
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries(folder)}
    for line in programs:
        program, *arguments = shlex.split(line)
        try:
            run([str(folder / program), *arguments], env=environment)
        except LabError as error:
            raise LabError(
                f"{program} was fetched but doesn't run on this machine: {error.message}",
                "Install the library that it names, then run the lab again.",
                Kind.MACHINE,
                error.detail,
            ) from error
