"""Checks that the programs of Kubernetes that a run asks for can be built or fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import binaries


def check(chosen: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse what would otherwise fail after minutes.

    Args:
        chosen: the variables that were set.
        defaults: the defaults of all variables.

    Raises:
        LabError: the programs can be neither built nor fetched, their folder is missing, or the
            version isn't one.
    """
    if "kubernetes_version" in chosen:
        binaries.checked_version(str(chosen["kubernetes_version"]))
    source = chosen.get("kubernetes_source", defaults.get("kubernetes_source"))
    if source == "path":
        binaries.own_folder(str(chosen.get("kubernetes_path", "")))
    elif chosen.get("kubernetes_path"):
        raise LabError(
            f"kubernetes_path is not used with kubernetes_source={source}.",
            "Set kubernetes_source=path too.",
            Kind.INPUT,
        )
    else:
        _check_version(source, chosen, defaults)


def _check_version(source: object, chosen: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Another version can only be fetched, and only if its checksum is given."""
    version, only = chosen.get("kubernetes_version"), defaults.get("kubernetes_version")
    if version in (None, only):
        return
    if source != "release" or "kubernetes_release_sha512" not in chosen:
        raise LabError(
            f"Kubernetes {version} can't be built: only {only} can.",
            "To fetch it, set kubernetes_source=release and kubernetes_release_sha512 too.",
            Kind.INPUT,
        )
