"""What a cluster that isn't the lab's has: its nodes, as a contract. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Node,
    Reach,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing import settings
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.settings import (
    ExistingSettings,
)

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


def contract(
    profile: Profile,
    asked: ExistingSettings,
    nodes: Iterable[ApiObject],
    host: Reach,
) -> Contract:
    """The lab's contract, but for what has to be asked: how its nodes are entered.

    Args:
        profile: the lab.
        asked: its settings.
        nodes: the cluster's nodes, as the API has them.
        host: where "from the host" is.
    """
    listed = list(nodes)
    known = sorted((facts.node(item) for item in listed), key=lambda node: node.name)
    unknown = Missing("Nobody looked yet.")
    return Contract(
        profile=profile.name,
        provider="existing",
        kubeconfig=str(settings.kubeconfig(profile)),
        kubectl=asked.kubectl,
        host_address="",
        host=host,
        nodes=tuple(Node(node.name, node.internal_ip or "", unknown) for node in known),
        kubectl_cache=str(settings.kubectl_cache(profile)),
        workers=workers(listed),
        namespace=asked.namespace,
    )
