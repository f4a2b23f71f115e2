"""Pods that are gone from the API but still run on their node.

A pod that is deleted by force is gone from the API at once, but from its node only when its
containers have ended. A pod made again meanwhile has the same name, and the kubelet looks
containers up by the pod's name (kubernetes: pkg/kubelet/kubelet_pods.go, findContainer): a command
meant for the new pod may run in the old one, or find no container.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import PodInfo
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError


def still_running(api: Api, pods: Iterable[PodInfo]) -> list[str]:
    """The earlier pods that still run on these pods' nodes under their names.

    Args:
        api: the cluster's API.
        pods: pods as the facts have them.

    Returns:
        A sentence for each; none for a node that doesn't say what it runs.
    """
    by_node: dict[str, list[PodInfo]] = {}
    for pod in pods:
        if pod.node:
            by_node.setdefault(pod.node, []).append(pod)
    return [
        f"an earlier pod {pod.name} still runs on {node}"
        for node, expected in by_node.items()
        for pod in replaced(_running(api, node), expected)
    ]


def replaced(running: Iterable[ApiObject], pods: Iterable[PodInfo]) -> list[PodInfo]:
    """Those pods whose node also runs another pod with the same name. A pure function.

    Args:
        running: what the kubelet's ``/runningpods/`` lists.
        pods: pods as the facts have them.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for item in running:
        match item:
            case {"metadata": {"name": str(name), "uid": str(uid), **more}}:
                found.setdefault((str(more.get("namespace", "")), name), set()).add(uid)
    return [pod for pod in pods if found.get((pod.namespace, pod.name), set()) - {pod.runtime_uid}]


def _running(api: Api, node: str) -> list[ApiObject]:
    """What the kubelet runs; empty if it may not be asked or doesn't answer."""
    try:
        return api.get(f"/api/v1/nodes/{node}/proxy/runningpods/").get("items") or []
    except LabError:
        return []
