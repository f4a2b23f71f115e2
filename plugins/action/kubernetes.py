"""Provide the programs of Kubernetes; see the module's documentation."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.secrets import without_passwords
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import (
    binaries,
    gobuild,
    release,
    versions,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.candidates import (
    Candidate,
    candidates,
)


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.kubernetes``."""

    _fetches = True

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Provide the programs that are missing."""
        version = args["version"]
        if args["source"] == "path":
            return _own(args["path"], version)
        cache = Path(args["cache"])
        wanted = candidates(args["source"], version, args["release_sha512"], platform.machine())
        for candidate in wanted:
            entry = _entry(cache, candidate)
            if entry.ready() and _proven(entry.path, candidate.version):
                return _result(entry, candidate, changed=False)
            if not self.check_mode:
                shutil.rmtree(entry.path, ignore_errors=True)
        if self.check_mode:
            return _result(_entry(cache, wanted[-1]), wanted[-1], changed=True)
        warnings: list[str] = []
        for candidate in wanted:
            entry = _entry(cache, candidate)
            try:
                _bring(entry, candidate, args, cache)
            except LabError as error:
                if candidate == wanted[-1] or error.kind is Kind.MACHINE:
                    raise
                if not isinstance(error, release.UnansweredError):
                    warnings.append(without_passwords(f"{error.message} {error.hint}"))
                continue
            result = _result(entry, candidate, changed=True)
            return {**result, "warnings": warnings} if warnings else result
        raise LabError("No source of Kubernetes was tried.")


def _entry(cache: Path, candidate: Candidate) -> Entry:
    return Entry(cache / "kubernetes" / f"{candidate.version}-{candidate.source}")


def _bring(entry: Entry, candidate: Candidate, args: dict[str, Any], cache: Path) -> None:
    """Make the folder; programs that fail the check are not kept."""
    with entry.made() as folder:
        if folder is None:
            return
        programs = folder / "bin"
        programs.mkdir()
        if candidate.source == "debian":
            gobuild.build(candidate.version, programs, cache)
        else:
            wanted = release.Release(args["release_url"], candidate.archive, candidate.sha512)
            release.fetch(wanted, programs, float(args["answer"]), float(args["download"]))
        if not _proven(folder, candidate.version):
            found = binaries.versions(programs)
            raise LabError(f"The programs are not of version {candidate.version}: {found}.")


def _proven(folder: Path, version: str) -> bool:
    return binaries.prove(folder / "bin", version, folder / "proven.json")


def _own(path: str, wanted: str) -> dict[str, Any]:
    """The user's own folder, used in place."""
    folder = binaries.own_folder(path)
    found = binaries.versions(folder)
    if len(set(found.values())) != 1:
        listed = ", ".join(f"{name} {version}" for name, version in found.items())
        raise LabError(
            f"The programs in {folder} have different versions: {listed}.",
            "Put programs of one release there.",
            Kind.INPUT,
        )
    version = versions.of(next(iter(found.values()))).version
    if wanted not in (versions.AUTO, version):
        raise LabError(
            f"The programs in {folder} are {version}, and kubernetes_version is {wanted}.",
            "Set kubernetes_version to auto, or kubernetes_path to another folder.",
            Kind.INPUT,
        )
    return {"changed": False, "bin": str(folder), "source": "path", "version": version}


def _result(entry: Entry, candidate: Candidate, *, changed: bool) -> dict[str, Any]:
    return {
        "changed": changed,
        "bin": str(entry.path / "bin"),
        "source": candidate.source,
        "version": candidate.version,
    }
