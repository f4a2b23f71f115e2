"""A private apt: it uses the machine's archives and keys, but its own lists, state and downloads.

It installs nothing and leaves /etc/apt, /var/lib/apt and /var/lib/dpkg alone. The machine's apt
settings (proxies, keys, pins, timeouts) still apply.
"""

from __future__ import annotations

import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import make_private
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.common.streaming import (
    plain_environment,
    stream,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.sources import (
    of_release,
    private_sources,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.systems import System

T = TypeVar("T")

LISTS_AGE = 24 * 3600.0  # Seconds after which the package lists are fetched again.
# What apt says of a package that it doesn't know, or knows only from others' dependencies.
_UNKNOWN = re.compile(r"^E: (?:Unable to locate package|Package) '?([a-z0-9][^\s']*)", re.MULTILINE)
_INST = re.compile(r"^Inst (?P<name>\S+) \((?P<version>\S+) .*\[(?P<arch>[a-z0-9-]+)\]\)")

# The machine's hooks must not run for the lab's lists: they would act on the machine's own.
_CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
APT::Sandbox::User "root";
APT::Get::List-Cleanup "false";
APT::Update::Error-Mode "any";
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
    """A downloaded package file: its package's name and version, and its path."""

    name: str
    version: str
    path: Path


class PrivateApt:
    """An apt that keeps everything in one folder.

    Args:
        folder: for its lists, settings and downloads; created if it doesn't exist.
        other: a system other than this machine's, to download packages for.
    """

    def __init__(self, folder: Path, other: System | None = None) -> None:
        self.folder = folder
        self._other = other
        self.archives = folder / "archives"
        self._configuration = folder / "apt.conf"
        self._updated = folder / "updated"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder; another run waits here until this one is done."""
        with refusals.translated(self.folder):
            # The machine's sources are copied here, and may have passwords in them.
            make_private(self.folder)
            with FileLock(self.folder / "in-use.lock"):
                yield

    def fetch(
        self, packages: Sequence[str], wants: Callable[[str], bool] = lambda name: True
    ) -> list[Deb]:
        """Download packages and their dependencies, as for a machine that has no packages yet.

        Args:
            packages: names of binary packages.
            wants: whether to download a package, given its name.

        Returns:
            The package files, sorted by name. Files from earlier downloads are used again.

        Raises:
            LabError: a package is unknown, or it can't be downloaded.
        """
        return self._with_fresh_lists(lambda: self._fetch(packages, wants))

    def _fetch(self, packages: Sequence[str], wants: Callable[[str], bool]) -> list[Deb]:
        debs = [deb for deb in self._resolve(packages) if wants(deb.name)]
        missing = [deb for deb in debs if not deb.path.exists()]
        if missing:
            progress = Progress("packages downloaded", len(missing))
            pinned = [f"{deb.name}={deb.version}" for deb in missing]
            # apt checks the sums of what it finds here too, and goes on with half a file.
            unchecked = self.archives / "unchecked"
            unchecked.mkdir(exist_ok=True)
            self._apt("download", *pinned, on_line=_counted(progress), cwd=unchecked)
            for deb in missing:
                (unchecked / deb.path.name).replace(deb.path)
            shutil.rmtree(unchecked)
        return debs

    def fetch_source(self, package: str, into: Path) -> list[Path]:
        """Download the newest source package of that name, without unpacking it.

        Returns:
            Its files (``.dsc``, ``.orig.tar.*``, ``.debian.tar.*``); apt checks their checksums.
        """
        into.mkdir(parents=True, exist_ok=True)
        self._with_fresh_lists(lambda: self._apt("source", "--download-only", package, cwd=into))
        return sorted(path for path in into.iterdir() if path.is_file())

    def _with_fresh_lists(self, fetching: Callable[[], T]) -> T:
        """Fetch with today's lists; if that fails, update the lists and try once more.

        An archive deletes files when an update replaces them.
        """
        updated = self._update()
        try:
            return fetching()
        except LabError as error:
            if updated or error.kind is Kind.MACHINE:
                raise
            self._updated.unlink(missing_ok=True)
            self._update()
            return fetching()

    def _resolve(self, packages: Sequence[str]) -> list[Deb]:
        """The package files that a machine without any package would need for these packages."""
        lines: list[str] = []
        self._apt("install", "--simulate", "--yes", *packages, on_line=lines.append)
        return sorted(planned(lines, self.archives), key=lambda deb: deb.name)

    def _update(self) -> bool:
        """Fetch the package lists, unless those here are recent and from the same sources.

        Returns:
            Whether they were fetched.
        """
        sources = private_sources(_machine_sources())
        if self._other:
            sources = of_release(sources, System.own().codename, self._other.codename)
        if not sources:
            raise LabError(
                "apt has no enabled package source on this machine.",
                "Enable the distribution's archive in /etc/apt/sources.list.d.",
                Kind.MACHINE,
            )
        if not self._write(sources) and self._fresh():
            return False
        progress = Progress("package lists", 0)
        failed = LabError("")
        try:
            self._apt("update", on_line=_counted(progress))
        except LabError as error:
            if error.kind is Kind.MACHINE:
                raise
            # One dead third-party archive must not stop the lab: the packages may be elsewhere.
            failed = error
        if not any(self.folder.glob("lists/*_Packages*")):
            raise LabError(
                f"The package lists can't be fetched. {failed.message}",
                _ARCHIVE_HINT,
                Kind.MACHINE,
                failed.detail,
            )
        self._updated.touch()
        return True

    def _fresh(self) -> bool:
        try:
            return time.time() - self._updated.stat().st_mtime < LISTS_AGE
        except FileNotFoundError:
            return False

    def _write(self, sources: dict[str, str]) -> bool:
        """Write the folder's settings; True if the sources have changed since last time."""
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
            stream(
                argv,
                on_line,
                env=plain_environment(),
                cwd=cwd or self.folder,
                # Its downloads wait for ever on a full disk.
                on_silence=lambda: refusals.require_space(self.folder),
            )
        except LabError as error:
            if error.kind is Kind.MACHINE:
                raise
            errors = [line for line in error.detail.splitlines() if line.startswith("E: ")]
            unknown = _UNKNOWN.search(error.detail)
            if unknown:
                raise LabError(
                    f"This machine's package sources have no package {unknown[1]}.",
                    f"Look for its name: `apt-cache search {unknown[1]}`.",
                    Kind.INPUT,
                ) from error
            raise LabError(
                f"apt-get {arguments[0]} failed: {errors[0][3:] if errors else error.message}",
                _ARCHIVE_HINT,
                detail=error.detail,
            ) from error


def planned(lines: Iterable[str], archives: Path) -> list[Deb]:
    """The packages that ``apt-get install --simulate`` says it would install.

    Args:
        lines: its output; ``Inst NAME (VERSION ARCHIVE [ARCH])``.
        archives: the folder that apt downloads to; it writes a version's colon as ``%3a``.
    """
    debs: list[Deb] = []
    for found in map(_INST.match, lines):
        if found:
            name, version = found["name"].split(":", 1)[0], found["version"]
            file = f"{name}_{version.replace(':', '%3a')}_{found['arch']}.deb"
            debs.append(Deb(name, version, archives / file))
    return debs


def apt_for(cache: Path, system: System) -> PrivateApt:
    """The apt for a system; each has a folder of its own in the cache."""
    if system == System.own():
        return PrivateApt(cache / "apt")
    return PrivateApt(cache / f"apt-{system.name}", system)


_ARCHIVE_HINT = (
    "Check that `apt-get update` works on this machine (network, proxy, mirror), then run the lab"
    " again: it goes on where it stopped."
)


def _counted(progress: Progress) -> Callable[[str], None]:
    """Count apt-get's ``Get:`` lines."""

    def see(line: str) -> None:
        if line.startswith("Get:"):
            progress.advance()

    return see


def _machine_sources() -> dict[str, str]:
    """The text of each source file of the machine, by name; apt-config(8) says where they are."""
    output = run(["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS",
                  "Dir::Etc::sourceparts/d"]).stdout  # fmt: skip
    paths = dict(word.split("=", 1) for word in shlex.split(output) if "=" in word)
    files: dict[str, str] = {}
    single = Path(paths.get("LIST", "/etc/apt/sources.list"))
    parts = Path(paths.get("PARTS", "/etc/apt/sources.list.d"))
    for path in [single, *(sorted(parts.iterdir()) if parts.is_dir() else [])]:
        if path.is_file() and path.suffix in (".list", ".sources"):
            files[path.name] = path.read_text(encoding="utf-8", errors="replace")
    return files
