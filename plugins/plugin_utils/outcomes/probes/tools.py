"""Ways into a pod through its node: into a container itself, or into one with tools beside it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract, Missing
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Place


@dataclass(frozen=True)
class Way:
    """A way to run commands in a pod.

    ``enter`` is the command line that runs what follows it there; ``shown`` is what a person types
    on the pod's node before that command.
    """

    enter: tuple[str, ...]
    shown: str


def through_node(
    api: Api, contract: Contract, namespace: str, place: Place, command: tuple[str, ...]
) -> Way | None:
    """The way into a pod by a command on its node.

    Args:
        api: the cluster's API, which knows where the pod is.
        contract: the lab, which says how to enter the node.
        namespace: the pod's namespace.
        place: the pod and its container.
        command: the contract's ``inside`` or ``tools``.

    Returns:
        The way; None if the provider has none.

    Raises:
        LabError: the container doesn't run, or the pod's node is stopped.
    """
    if not command:
        return None
    pod = api.get(f"/api/v1/namespaces/{namespace}/pods/{place.name}")
    node = contract.node(pod["spec"].get("nodeName", ""))
    if isinstance(node.reach, Missing):
        return None
    command = (*command, running_container(pod, place.container))
    return Way((*contract.enter(node.name), *command), f"{node.name}$ {' '.join(command)}")


def running_container(pod: ApiObject, name: str) -> str:
    """The id that a pod's running container has in its node's runtime.

    Args:
        pod: the pod as the API has it.
        name: the container; empty for any that runs.

    Raises:
        LabError: it doesn't run.
    """
    for status in pod["status"].get("containerStatuses") or []:
        if status["name"] == (name or status["name"]) and "running" in status["state"]:
            return str(status["containerID"]).rpartition("/")[2]
    wanted = f"{pod['metadata']['name']}/{name}".rstrip("/")
    raise LabError(f"No container of {wanted} is running.")
