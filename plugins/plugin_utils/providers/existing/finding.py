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
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import memory, reading
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.settings import (
    ExistingSettings,
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
        kubeconfig=str(memory.kubeconfig(profile)),
        kubectl=asked.kubectl,
        host_address="",
        host=host,
        nodes=tuple(Node(node.name, node.internal_ip or "", unknown) for node in known),
        kubectl_cache=str(memory.kubectl_cache(profile)),
        workers=reading.workers(listed),
        namespace=asked.namespace,
    )
