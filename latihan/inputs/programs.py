"""Whether the programs of Kubernetes that are asked for can be had at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import binaries


def check(chosen: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse what would fail only after much was done.

    Args:
        chosen: the variables that were set.
        defaults: what all variables are by default.

    Raises:
        LabError: what is chosen can neither be built nor fetched, or isn't there.
    """
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
    """Another version can only be fetched, and only where its sum is known."""
    version, only = chosen.get("kubernetes_version"), defaults.get("kubernetes_version")
    if version in (None, only):
        return
    if source != "release" or "kubernetes_release_sha512" not in chosen:
        raise LabError(
            f"Kubernetes {version} can't be built: only {only} can.",
            "To fetch it, set kubernetes_source=release and kubernetes_release_sha512 too.",
            Kind.INPUT,
        )
