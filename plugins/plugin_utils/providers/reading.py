"""What the API says of a cluster that the lab didn't build itself."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import (
    Api,
    ApiObject,
    RefusedError,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

NODES = "/api/v1/nodes"
NO_NAME = "The nodes of this cluster have no name for the machine that runs the lab."
_SLICES = ("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1")
_REPELS = ("NoSchedule", "NoExecute")
_SYSTEM = "kubernetes.io/os"


def workers(nodes: Iterable[ApiObject]) -> tuple[str, ...]:
    """The nodes that take the lab's pods: Linux, Ready, not cordoned, without a taint that repels.

    Raises:
        LabError: there is none.
    """
    takers = tuple(
        sorted(
            item["metadata"]["name"]
            for item in nodes
            if (known := facts.node(item)).ready
            and not known.unschedulable
            and known.labels.get(_SYSTEM, "linux") == "linux"
            and not any(
                taint.get("effect") in _REPELS for taint in item["spec"].get("taints") or []
            )
        )
    )
    if takers:
        return takers
    raise LabError(
        "No node takes the lab's pods: none is Linux, Ready, and neither cordoned nor tainted.",
        "Look at `kubectl describe nodes`.",
        Kind.INPUT,
    )


def slices(api: Api) -> str:
    """The newest API group of EndpointSlices that the cluster has; empty if it has none."""
    for group in _SLICES:
        try:
            api.get(f"/apis/{group}")
        except RefusedError:
            continue
        return group
    return ""
