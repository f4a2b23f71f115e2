"""Checks that the programs of Kubernetes that a run asks for can be built or fetched."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import binaries, versions
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.candidates import candidates


def check(chosen: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse what would otherwise fail after minutes.

    Args:
        chosen: the variables that were set.
        defaults: the defaults of all variables.

    Raises:
        LabError: the programs can be neither built nor fetched, their folder is missing, or the lab
            doesn't run the version.
    """
    if not any(name.startswith("kubernetes_") for name in chosen):
        return
    values = {**defaults, **chosen}
    source, version = str(values["kubernetes_source"]), str(values["kubernetes_version"])
    if source == "path":
        if version != versions.AUTO:
            versions.of(version)
        binaries.own_folder(str(chosen.get("kubernetes_path", "")))
    elif chosen.get("kubernetes_path"):
        raise LabError(
            f"kubernetes_path is not used with kubernetes_source={source}.",
            "Set kubernetes_source=path too.",
            Kind.INPUT,
        )
    else:
        sha512 = str(values["kubernetes_release_sha512"])
        candidates(source, version, sha512, platform.machine())
