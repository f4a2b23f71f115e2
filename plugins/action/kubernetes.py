"""Provide the programs of Kubernetes; see the module's documentation."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.secrets import without_passwords
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import binaries, gobuild, release
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry

Fetcher = Callable[[Path], None]


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.kubernetes``."""

    _fetches = True

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Provide the programs that are missing."""
        if args["source"] == "path":
            return _own(args["path"])
        cache, version = Path(args["cache"]), binaries.checked_version(args["version"])
        fetchers = _fetchers(args, cache)
        sources = ["release", "debian"] if args["source"] == "auto" else [args["source"]]
        for source in sources:
            entry = Entry(cache / "kubernetes" / f"{version}-{source}")
            if entry.ready() and _proven(entry.path, version):
                return _result(entry, source, version, changed=False)
            if not self.check_mode:
                shutil.rmtree(entry.path, ignore_errors=True)
        if self.check_mode:
            entry = Entry(cache / "kubernetes" / f"{version}-{sources[-1]}")
            return _result(entry, sources[-1], version, changed=True)
        warnings: list[str] = []
        for source in sources:
            entry = Entry(cache / "kubernetes" / f"{version}-{source}")
            try:
                _bring(entry, version, fetchers[source])
            except LabError as error:
                if source == sources[-1] or error.kind is Kind.MACHINE:
                    raise
                if not isinstance(error, release.UnansweredError):
                    warnings.append(without_passwords(f"{error.message} {error.hint}"))
                continue
            result = _result(entry, source, version, changed=True)
            return {**result, "warnings": warnings} if warnings else result
        raise LabError("No source of Kubernetes was tried.")


def _fetchers(args: dict[str, Any], cache: Path) -> dict[str, Fetcher]:
    wanted = release.Release(args["release_url"], args["version"], args["release_sha512"])
    return {
        "release": lambda folder: _download(
            wanted, folder, float(args["answer"]), float(args["download"])
        ),
        "debian": lambda folder: gobuild.build(args["version"], folder, cache),
    }


def _download(wanted: release.Release, folder: Path, answer: float, limit: float) -> None:
    if platform.machine() != "x86_64":
        raise LabError(
            f"The pinned release is for x86_64, this machine is {platform.machine()}.",
            "Set kubernetes_source to debian.",
            Kind.INPUT,
        )
    release.fetch(wanted, folder, answer, limit)


def _bring(entry: Entry, version: str, fetcher: Fetcher) -> None:
    """Make the folder; programs that fail the check are not kept."""
    with entry.made() as folder:
        if folder is None:
            return
        programs = folder / "bin"
        programs.mkdir()
        fetcher(programs)
        if not _proven(folder, version):
            found = binaries.versions(programs)
            raise LabError(f"The programs are not of version {version}: {found}.")


def _proven(folder: Path, version: str) -> bool:
    return binaries.prove(folder / "bin", version, folder / "proven.json")


def _own(path: str) -> dict[str, Any]:
    """The user's own folder, used in place."""
    folder = binaries.own_folder(path)
    versions = binaries.versions(folder)
    if len(set(versions.values())) != 1:
        listed = ", ".join(f"{name} {version}" for name, version in versions.items())
        raise LabError(
            f"The programs in {folder} have different versions: {listed}.",
            "Put programs of one release there.",
            Kind.INPUT,
        )
    version = next(iter(versions.values()))
    return {"changed": False, "bin": str(folder), "source": "path", "version": version}


def _result(entry: Entry, source: str, version: str, *, changed: bool) -> dict[str, Any]:
    return {
        "changed": changed,
        "bin": str(entry.path / "bin"),
        "source": source,
        "version": version,
    }
