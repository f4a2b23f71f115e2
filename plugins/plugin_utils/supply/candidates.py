"""Which version of Kubernetes may come from which source, and in which order they are tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import versions

_SUMS = Path(__file__).with_name("release-sums.txt")
# The machine's name for its architecture (uname(2)), and Kubernetes' own (Go's).
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Candidate:
    """A version and where it may come from: ``release`` or ``debian``.

    ``archive`` is the release's path below the base URL, and ``sha512`` its checksum.
    """

    source: str
    version: str
    archive: str = ""
    sha512: str = ""


def candidates(source: str, version: str, sha512: str, machine: str) -> list[Candidate]:
    """What is to be tried, in this order.

    Args:
        source: ``release``, ``debian``, or ``auto`` for both.
        version: the version; ``auto`` for the newest release that is pinned, and what Debian has.
        sha512: the checksum of the version's release; empty for the pinned one.
        machine: the machine's architecture, as uname(2) calls it.

    Raises:
        LabError: the version is none, or the source doesn't have it.
    """
    if version != versions.AUTO:
        versions.of(version)
    elif sha512:
        raise LabError(
            "kubernetes_release_sha512 is the checksum of one version.",
            "Set kubernetes_version too.",
            Kind.INPUT,
        )
    release = _release(version, sha512, machine) if source != "debian" else None
    built = version in (versions.AUTO, versions.DEBIAN) and source != "release"
    debian = Candidate("debian", versions.DEBIAN) if built else None
    found = [candidate for candidate in (release, debian) if candidate]
    if not found:
        raise _unobtainable(source, version, machine)
    return found


def _release(version: str, sha512: str, machine: str) -> Candidate | None:
    """The release; None if its checksum isn't known."""
    architecture = _ARCHITECTURES.get(machine)
    name = f"kubernetes-server-linux-{architecture}.tar.gz"
    if version == versions.AUTO:
        pinned = [archive.removesuffix(f"/{name}") for archive in sums() if archive.endswith(name)]
        version = max(pinned, key=versions.number, default=version)
    archive = f"{version}/{name}"
    known = (sha512 if architecture else "") or sums().get(archive)
    return Candidate("release", version, archive, known) if known else None


def _unobtainable(source: str, version: str, machine: str) -> LabError:
    if machine not in _ARCHITECTURES:
        return LabError(
            f"There is no release of Kubernetes for this machine, {machine}.",
            "Set kubernetes_source to debian or path.",
            Kind.INPUT,
        )
    if source == "debian":
        return LabError(
            f"Kubernetes {version} can't be built: only {versions.DEBIAN} can.",
            "Set kubernetes_source to release or path.",
            Kind.INPUT,
        )
    return LabError(
        f"The checksum of the release {version} is not known.",
        "Set kubernetes_release_sha512 to the SHA-512 of its archive for servers, as the changelog"
        " of Kubernetes gives it.",
        Kind.INPUT,
    )


@cache
def sums() -> Mapping[str, str]:
    """The SHA-512 of each release's archive that is pinned, by its path below the base URL."""
    lines = _SUMS.read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines if not line.startswith("#"))
    return {archive: pin for pin, archive in pairs}
