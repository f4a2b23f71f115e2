"""A private apt: the machine's own archives and trust, but its own lists, state and downloads.

Nothing is installed with it, and /etc/apt, /var/lib/apt and /var/lib/dpkg stay as they are. The
machine's apt settings (proxies, keys, pins, time-outs) stay in force.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.common.streaming import (
    plain_environment,
    stream,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import writing
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.sources import private_sources

T = TypeVar("T")

LISTS_AGE = 24 * 3600.0
_INST = re.compile(r"^Inst (?P<name>\S+) \((?P<version>\S+) .*\[(?P<arch>[a-z0-9-]+)\]\)")

# The machine's hooks must not run for the lab's own lists: they would act on the machine's.
_CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
APT::Sandbox::User "root";
APT::Get::List-Cleanup "false";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb-src::Contents-dsc::DefaultEnabled "false";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/sources";
Dir::State "{folder}/state";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/archives";
Dir::Cache::pkgcache "{folder}/pkgcache.bin";
Dir::Cache::srcpkgcache "{folder}/srcpkgcache.bin";
"""


@dataclass(frozen=True)
class Deb:
    """A package file of the private archives: its package's name and version, and where it is."""

    name: str
    version: str
    path: Path


class PrivateApt:
    """apt with a folder of its own.

    Args:
        folder: where its lists, settings and downloads are; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archives = folder / "archives"
        self._configuration = folder / "apt.conf"
        self._updated = folder / "updated"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; another run waits here until this one is done with it."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "in-use.lock"):
                yield

    def fetch(
        self, packages: Sequence[str], keep: Callable[[str], bool] = lambda name: True
    ) -> list[Deb]:
        """Download packages and what they depend on, as for a machine that has nothing.

        Args:
            packages: names of binary packages.
            keep: says by its name whether a package is wanted.

        Returns:
            The package files, sorted by name; those that were there already are not fetched again.

        Raises:
            LabError: a package is unknown, or the archives don't answer.
        """
        return self._with_fresh_lists(lambda: self._fetch(packages, keep))

    def _fetch(self, packages: Sequence[str], keep: Callable[[str], bool]) -> list[Deb]:
        wanted = [deb for deb in self._resolve(packages) if keep(deb.name)]
        missing = [deb for deb in wanted if not deb.path.exists()]
        if missing:
            progress = Progress("packages fetched", len(missing))
            pinned = [f"{deb.name}={deb.version}" for deb in missing]
            self._apt("download", *pinned, on_line=_counted(progress), cwd=self.archives)
        absent = [deb.path.name for deb in wanted if not deb.path.exists()]
        if absent:
            raise LabError(f"apt-get fetched no {', '.join(absent)}.", _ARCHIVE_HINT)
        return wanted

    def fetch_source(self, package: str, into: Path) -> list[Path]:
        """Download the newest source package of that name, unpacking nothing.

        Returns:
            Its files (``.dsc``, ``.orig.tar.*``, ``.debian.tar.*``), their sums checked by apt.
        """
        into.mkdir(parents=True, exist_ok=True)
        self._with_fresh_lists(lambda: self._apt("source", "--download-only", package, cwd=into))
        return sorted(path for path in into.iterdir() if path.is_file())

    def _with_fresh_lists(self, fetching: Callable[[], T]) -> T:
        """Fetch with today's lists; where that fails, once more with lists of this moment.

        An archive deletes the files that an update replaced.
        """
        updated = self._update()
        try:
            return fetching()
        except LabError:
            if updated:
                raise
            self._updated.unlink(missing_ok=True)
            self._update()
            return fetching()

    def _resolve(self, packages: Sequence[str]) -> list[Deb]:
        """The package files that an empty machine would need for these packages."""
        lines: list[str] = []
        self._apt("install", "--simulate", "--yes", *packages, on_line=lines.append)
        return sorted(planned(lines, self.archives), key=lambda deb: deb.name)

    def _update(self) -> bool:
        """Fetch the archives' lists, unless those here are of today and of the same sources.

        Returns:
            Whether they were fetched now.
        """
        sources = private_sources(_machine_sources())
        if not sources:
            raise LabError(
                "apt on this machine has no package source that is enabled.",
                "Enable the distribution's own archive in /etc/apt/sources.list.d.",
                Kind.MACHINE,
            )
        if not self._write(sources) and self._fresh():
            return False
        progress = Progress("package lists", 0)
        failed = ""
        try:
            self._apt("update", on_line=_counted(progress))
        except LabError as error:
            # One dead third-party archive must not stop the lab: what is needed may be elsewhere.
            failed = error.detail
        if not any(self.folder.glob("lists/*_Packages*")):
            raise LabError(
                "apt-get could not fetch the package lists.", _ARCHIVE_HINT, Kind.MACHINE, failed
            )
        self._updated.touch()
        return True

    def _fresh(self) -> bool:
        try:
            return time.time() - self._updated.stat().st_mtime < LISTS_AGE
        except FileNotFoundError:
            return False

    def _write(self, sources: dict[str, str]) -> bool:
        """Lay out the folder; True when the sources are other than those of last time."""
        for name in ("sources", "lists/partial", "archives/partial", "state"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        self._configuration.write_text(
            _CONFIGURATION.replace("{folder}", str(self.folder)), encoding="utf-8"
        )
        parts = self.folder / "sources"
        before = {path.name: path.read_text(encoding="utf-8") for path in parts.iterdir()}
        for name in before.keys() - sources.keys():
            (parts / name).unlink()
        for name, text in sources.items():
            (parts / name).write_text(text, encoding="utf-8")
        return before != sources

    def _apt(
        self,
        *arguments: str,
        on_line: Callable[[str], None] = lambda line: None,
        cwd: Path | None = None,
    ) -> None:
        argv = ["apt-get", f"--config-file={self._configuration}", *arguments]
        try:
            stream(argv, on_line, env=plain_environment(), cwd=cwd or self.folder)
        except LabError as error:
            said = [line for line in error.detail.splitlines() if line.startswith("E: ")]
            raise LabError(
                f"apt-get {arguments[0]} failed: {said[0][3:] if said else error.message}",
                _ARCHIVE_HINT,
                error.kind,
                error.detail,
            ) from error


def planned(lines: Iterable[str], archives: Path) -> list[Deb]:
    """The packages that ``apt-get install --simulate`` says it would install.

    Args:
        lines: its output; ``Inst NAME (VERSION ARCHIVE [ARCH])``.
        archives: the folder in which apt keeps them, a version's colon written as ``%3a``.
    """
    debs: list[Deb] = []
    for found in map(_INST.match, lines):
        if found:
            name, version = found["name"].split(":", 1)[0], found["version"]
            file = f"{name}_{version.replace(':', '%3a')}_{found['arch']}.deb"
            debs.append(Deb(name, version, archives / file))
    return debs


_ARCHIVE_HINT = "See whether `apt-get update` works on this machine, then run the lab again."


def _counted(progress: Progress) -> Callable[[str], None]:
    """Count apt-get's ``Get:`` lines."""

    def see(line: str) -> None:
        if line.startswith("Get:"):
            progress.advance()

    return see


def _machine_sources() -> dict[str, str]:
    """The machine's source files, found as its apt is set up; unreadable ones are left out."""
    said = run(["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS",
                "Dir::Etc::sourceparts/d"]).stdout  # fmt: skip
    found = dict(word.split("=", 1) for word in shlex.split(said) if "=" in word)
    files: dict[str, str] = {}
    single = Path(found.get("LIST", "/etc/apt/sources.list"))
    parts = Path(found.get("PARTS", "/etc/apt/sources.list.d"))
    for path in [single, *(sorted(parts.iterdir()) if parts.is_dir() else [])]:
        if path.is_file() and path.suffix in (".list", ".sources"):
            files[path.name] = path.read_text(encoding="utf-8", errors="replace")
    return files
