"""The embedded clusters behind the stand-ins: a lab that is up, and others made like it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Reachable,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Wanted
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import layout
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.provider import (
    PROVIDER,
)
from tests.standins.ways import CLUSTERS, FOLDER, LENT

PROGRAMS = ("minikube", "kind", "docker", "from_host")


def install(folder: Path, lab: Path | None = None) -> dict[str, str]:
    """Put the stand-ins into a folder; returns the environment in which they are found.

    Args:
        folder: an empty folder for them.
        lab: the contract of an embedded lab that they may use; the lab itself stays.
    """
    programs = folder / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m {__package__}.{name} "$@"\n')
        script.chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return {"PATH": path, FOLDER: str(folder), LENT: str(lab or "")}


def clusters() -> dict[str, dict[str, Any]]:
    """By the name that the stand-ins know it by, what is known of each cluster."""
    try:
        known: dict[str, dict[str, Any]] = json.loads(_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return known


def create(name: str, nodes: int, network: str, more: Mapping[str, Any]) -> None:
    """Take the lent lab for a cluster, or make one like it if that is taken."""
    lent, known = Path(os.environ[LENT]), clusters()
    lab = profiles.of_contract(lent)
    if any(each["contract"] == str(lent) for each in known.values()):
        like = layout.load(lab.state, lab.name).settings
        lab = Profile(name, _folder() / "labs")
        wanted = Wanted(
            nodes=nodes,
            network=network,
            pod_network=like.pod_network,
            service_network=like.service_network,
            options={
                "binaries": like.binaries,
                "daemons": like.daemons,
                "registry": like.registry,
            },
        )
        PROVIDER.make(lab, wanted, check=False)
    _save({**known, name: {**more, "contract": str(lab.contract)}})


def delete(name: str) -> None:
    """Give the lent lab back, or remove the cluster that was made."""
    known = clusters()
    lab = profiles.of_contract(Path(known.pop(name)["contract"]))
    if str(lab.contract) != os.environ[LENT]:
        PROVIDER.remove(lab, check=False)
    _save(known)


def lab_of(name: str) -> Profile:
    """The embedded lab behind a cluster."""
    return profiles.of_contract(Path(clusters()[name]["contract"]))


def contract_of(name: str) -> Contract:
    """What the embedded lab's contract says now."""
    return contract.read(lab_of(name).contract)


def states(name: str) -> dict[str, bool]:
    """By each node's name whether it runs."""
    return {node.name: isinstance(node.reach, Reachable) for node in contract_of(name).nodes}


def start(name: str, node: str = "") -> None:
    """Start a cluster's nodes, or one."""
    PROVIDER.start(lab_of(name), node, check=False)


def stop(name: str, node: str = "") -> None:
    """Stop a cluster's nodes, or one."""
    PROVIDER.stop(lab_of(name), node, check=False)


def cluster_with(node: str) -> str:
    """The cluster that has a node of that name."""
    return next(name for name in clusters() if node in states(name))


def write_kubeconfig(name: str, path: Path) -> None:
    """Write the cluster's kubeconfig."""
    path.write_bytes(Path(contract_of(name).kubeconfig).read_bytes())
    path.chmod(0o600)


def _folder() -> Path:
    return Path(os.environ[FOLDER])


def _file() -> Path:
    return _folder() / CLUSTERS


def _save(known: Mapping[str, Any]) -> None:
    _file().write_text(json.dumps(known), encoding="utf-8")
