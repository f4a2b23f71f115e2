"""What a provider promises once it has run: where the cluster is and how its nodes are entered.

Every provider writes one file, ``contract.json``; whatever stands above the provider reads it and
asks no more which provider it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import spaces


@dataclass(frozen=True)
class Node:
    """A node of the cluster.

    ``enter`` is the command line that runs what follows it inside the node, as root; empty while
    the node is stopped, and None where the provider can't enter its nodes.
    """

    name: str
    address: str
    enter: tuple[str, ...] | None


@dataclass(frozen=True)
class Contract:
    """The cluster as the provider left it.

    ``host_enter`` runs a command where "from the host" is; empty means this machine itself, None
    that the provider has no such place. ``network``, ``pod_network`` and ``service_network`` are
    CIDR blocks, empty where they aren't known. ``kubectl_cache`` is where kubectl keeps what it
    learnt of the API, so that nothing in the user's home changes; empty means its own default.
    ``inside``, followed by a container's id and a command and run in that container's node, runs
    the command in the container; ``tools`` runs it with network tools in the container's network.
    Both are empty where there is no such thing.
    """

    profile: str
    provider: str
    kubeconfig: str
    kubectl: str
    host_address: str
    host_enter: tuple[str, ...] | None
    nodes: tuple[Node, ...]
    network: str = ""
    pod_network: str = ""
    service_network: str = ""
    kubectl_cache: str = ""
    inside: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def node(self, name: str) -> Node:
        """The node of that name; LabError where there is none."""
        return named(self.nodes, name)

    def outside(self, port: int) -> str:
        """Where a node port answers: at the first node that runs, or the first where none does."""
        node = next((node for node in self.nodes if node.enter != ()), self.nodes[0])
        return f"http://{node.address}:{port}"

    def kubectl_command(self, *arguments: str) -> list[str]:
        """The command line of ``kubectl`` with these arguments, for this cluster."""
        cache = [f"--cache-dir={self.kubectl_cache}"] if self.kubectl_cache else []
        return [self.kubectl, f"--kubeconfig={self.kubeconfig}", *cache, *arguments]


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """The name."""


Member = TypeVar("Member", bound=Named)


def named(nodes: Sequence[Member], name: str) -> Member:
    """The node of that name; LabError, telling which there are, where there is none."""
    for node in nodes:
        if node.name == name:
            return node
    names = ", ".join(node.name for node in nodes)
    raise LabError(f"No node is called {name!r}.", f"The nodes are: {names}.", Kind.INPUT)


def from_document(document: dict[str, Any]) -> Contract:
    """The contract that ``contract.json`` holds; KeyError or TypeError where a field is off."""
    nodes = tuple(
        Node(node["name"], node["address"], _command(node["enter"])) for node in document["nodes"]
    )
    fields = {
        **document,
        "nodes": nodes,
        "host_enter": _command(document["host_enter"]),
        **{name: tuple(document.get(name, ())) for name in ("inside", "tools")},
    }
    return Contract(**fields)


def read(path: Path) -> Contract:
    """Read a contract; what has lost its power since it was written counts as stopped.

    Raises:
        LabError: there is none (the cluster was never made), or it isn't one.
    """
    try:
        told = from_document(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise LabError(
            f"There is no cluster of the profile {path.parent.name!r}.",
            "Make it with `python3 runner.py provision`.",
            Kind.INPUT,
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"{path} can't be read as a contract: {error}.",
            "Take the lab down (`python3 runner.py teardown`) and make it again.",
        ) from error
    return _without_ended(told, path.parent.parent)


def _without_ended(told: Contract, state: Path) -> Contract:
    def ended(enter: tuple[str, ...] | None) -> bool:
        return bool(enter and not spaces.leads_in(enter, told.profile, state))

    return replace(
        told,
        host_enter=None if ended(told.host_enter) else told.host_enter,
        nodes=tuple(replace(node, enter=()) if ended(node.enter) else node for node in told.nodes),
    )


def write(path: Path, contract: Contract) -> None:
    """Write a contract in one step: readers see the old one or the new one."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(contract), indent=2) + "\n", encoding="utf-8")
    new.replace(path)


def _command(argv: list[str] | None) -> tuple[str, ...] | None:
    return None if argv is None else tuple(argv)
