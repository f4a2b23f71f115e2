"""What the lab remembers about a cluster that isn't its own, in the profile's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.memory import Memory


@dataclass(frozen=True)
class ExistingSettings:
    """What somebody asked for; ``server`` is the API that was found by it.

    Args:
        namespace: the lab's own namespace there.
        node_label: the label that the lab puts on a node, as in ``name=value``.
        kubeconfig, context: where the cluster is; empty for kubectl's own default.
        kubectl: the program; empty for the first one in the PATH.
        helpers: which helper pods enter the nodes: none, network or privileged.
        enter_node, enter_host: commands that enter a node, and the place outside; empty for none.
        tools: the image of helper pods.
        restricted: whether the lab's pods meet the Pod Security Standard "restricted".
        server: the URL of the API.
    """

    namespace: str
    node_label: str
    kubeconfig: str = ""
    context: str = ""
    kubectl: str = ""
    helpers: str = "none"
    enter_node: str = ""
    enter_host: str = ""
    tools: str = ""
    restricted: bool = False
    server: str = ""

    @property
    def label_key(self) -> str:
        """The key of the node label."""
        return self.node_label.partition("=")[0]


def wanted(options: Mapping[str, Any]) -> ExistingSettings:
    """The settings that the options of the provider ask for; LabError if one is wrong."""
    try:
        return ExistingSettings(**options)
    except TypeError as error:
        raise LabError(
            f"The options of the provider 'existing' are wrong: {error}.",
            "Use the role latihan.lab.cluster, which sets them.",
            Kind.INPUT,
        ) from error


def together(known: ExistingSettings | None, asked: ExistingSettings) -> ExistingSettings:
    """What is asked for now, and for the rest what is known: a lab stays in its cluster.

    Raises:
        LabError: the lab is in another namespace.
    """
    if known is None:
        return asked
    for name in ("namespace", "node_label"):
        old, new = getattr(known, name), getattr(asked, name)
        if old != new:
            raise LabError(
                f"The lab has the {name.replace('_', ' ')} {old!r}, not {new!r}.",
                f"Set `-e lab_{name}={old}`, take the lab down first, or use another profile.",
                Kind.INPUT,
            )
    elsewhere = asked.kubeconfig or asked.context
    return replace(
        asked,
        kubeconfig=asked.kubeconfig if elsewhere else known.kubeconfig,
        context=asked.context if elsewhere else known.context,
        kubectl=asked.kubectl or known.kubectl,
        server=known.server,
    )


MEMORY = Memory("existing", ExistingSettings)
