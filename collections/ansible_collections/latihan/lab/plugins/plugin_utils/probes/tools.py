"""Probes from a pod whose image lacks their tools: a container that has them, in its network."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.api import Api
from ansible_collections.latihan.lab.plugins.plugin_utils.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.probes.model import Document, Place


@dataclass(frozen=True)
class Tools:
    """The way into a tools container beside a container of a pod.

    ``enter`` is the command line that runs what follows it there; ``shown`` is what a person types
    before that command.
    """

    enter: tuple[str, ...]
    shown: str


def beside(api: Api, contract: Contract, namespace: str, place: Place) -> Tools | None:
    """The tools container beside a pod's container; None where the provider has no such thing.

    Raises:
        LabError: no container runs in the pod, or its node is stopped.
    """
    pod = api.get(f"/api/v1/namespaces/{namespace}/pods/{place.name}")
    node = contract.node(pod["spec"].get("nodeName", ""))
    if not contract.tools or node.enter is None:
        return None
    command = (*contract.tools, running_container(pod, place.container))
    if not node.enter:
        raise LabError(f"The node {node.name} is stopped.")
    return Tools((*node.enter, *command), f"{node.name}$ {' '.join(command)}")


def running_container(pod: Document, name: str) -> str:
    """The id, as its node's runtime has it, of a pod's running container; any where none is named.

    Raises:
        LabError: it doesn't run.
    """
    for status in pod["status"].get("containerStatuses") or []:
        if status["name"] == (name or status["name"]) and "running" in status["state"]:
            return str(status["containerID"]).rpartition("/")[2]
    wanted = f"{pod['metadata']['name']}/{name}".rstrip("/")
    raise LabError(f"No container of {wanted} runs.")
