"""What a provider promises once it has run: where the cluster is, and how to enter its places.

Every provider writes one file, ``contract.json``. All other code reads it, and need not know which
provider wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.processes import Process
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST

_START = "Start it with `python3 runner.py start`."


@dataclass(frozen=True)
class Reachable:
    """A place that can be entered now.

    ``enter`` is the command line that runs what follows it there, as root; empty means this machine
    itself. ``process`` is the process that the place ends with; None if it can't be seen from here.
    ``whole`` is whether the place's own files, processes and rules are seen there too, and not just
    its network.
    """

    enter: tuple[str, ...]
    process: Process | None = None
    whole: bool = True
    state: Literal["reachable"] = "reachable"


@dataclass(frozen=True)
class Stopped:
    """A place that exists, but is switched off."""

    state: Literal["stopped"] = "stopped"


@dataclass(frozen=True)
class Missing:
    """A place that this provider doesn't have or can't enter; ``reason`` says so in a sentence."""

    reason: str
    state: Literal["missing"] = "missing"


class _ByState:
    """Tells pydantic, which not every command needs, to go by ``state``."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """As ``Field(discriminator="state")`` would."""
        from pydantic import Field  # noqa: PLC0415

        return handler(Annotated[source, Field(discriminator="state")])


Reach = Annotated[Reachable | Stopped | Missing, _ByState()]


@dataclass(frozen=True)
class Node:
    """A node of the cluster."""

    name: str
    address: str
    reach: Reach


@dataclass(frozen=True)
class Contract:
    """The cluster as the provider left it.

    ``host`` is where "from the host" is. ``network``, ``pod_network`` and ``service_network`` are
    CIDR blocks, empty if they aren't known. ``kubectl_cache`` is where kubectl keeps what it has
    learned about the API, so that nothing in the user's home changes; empty means its own default.
    ``inside``, followed by a container's id and a command and run on that container's node, runs
    the command in the container; ``tools`` runs it with network tools in the container's network.
    Both are empty if the provider has no such command.

    ``names`` are names of nodes that only the name server of the host knows. ``workers`` are the
    nodes that take the lab's pods, in order. ``namespace`` is the one Kubernetes namespace that the
    lab may use, empty if the whole cluster is its own; ``sees_all`` says whether it may list the
    pods of the others. ``slices`` is the API group of its EndpointSlices, as in
    discovery.k8s.io/v1; if it is empty, its Endpoints say who serves. ``cannot`` says by an
    ability's name why the lab lacks it.
    """

    profile: str
    provider: str
    kubeconfig: str
    kubectl: str
    host_address: str
    host: Reach
    nodes: tuple[Node, ...]
    network: str = ""
    pod_network: str = ""
    service_network: str = ""
    kubectl_cache: str = ""
    inside: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    namespace: str = ""
    sees_all: bool = True
    slices: str = ""
    cannot: Mapping[str, str] = field(default_factory=dict)

    def worker(self, number: int) -> str:
        """The node for pods that ask for that one, from 1; the last one if there are fewer."""
        takers = self.workers or tuple(node.name for node in self.nodes)
        return takers[min(number, len(takers)) - 1]

    def require_namespace(self, namespace: str) -> None:
        """Refuse a namespace that isn't the lab's; LabError of the kind INPUT."""
        if self.namespace and namespace != self.namespace:
            raise LabError(
                f"The lab {self.profile!r} works in the namespace {self.namespace!r}, "
                f"and not in {namespace!r}.",
                f"Leave lab_namespace out, or set it: `-e lab_namespace={self.namespace}`.",
                Kind.INPUT,
            )

    def node(self, name: str) -> Node:
        """The node with that name; LabError if there is none."""
        return named(self.nodes, name)

    def reach(self, place: str) -> Reach:
        """How a node, or the lab's host, is reached; LabError if no node has that name."""
        return self.host if place == HOST else self.node(place).reach

    def enter(self, place: str) -> tuple[str, ...]:
        """The command line that runs what follows it on a node, or on the lab's host.

        Raises:
            LabError: no node has that name, it is stopped, or the provider has no such place.
        """
        match self.reach(place):
            case Reachable(enter=enter):
                return enter
            case Stopped():
                raise LabError(f"{self._called(place)} is stopped.", _START, Kind.INPUT)
            case Missing(reason=reason):
                raise LabError(reason, "Use `python3 runner.py kubectl debug` instead.", Kind.INPUT)

    def _called(self, place: str) -> str:
        if place != HOST:
            return f"The node {place!r}"
        whole = all(node.reach == Stopped() for node in self.nodes)
        return f"The lab {self.profile!r}" if whole else f"The host of the lab {self.profile!r}"

    @property
    def entries(self) -> dict[str, tuple[str, ...]]:
        """The command lines that enter the nodes that can be entered now, by the node's name."""
        found = ((node.name, node.reach) for node in self.nodes)
        return {name: reach.enter for name, reach in found if isinstance(reach, Reachable)}

    @property
    def insides(self) -> dict[str, tuple[str, ...]]:
        """Those of the ``entries`` that lead into the whole node."""
        reaches = {node.name: node.reach for node in self.nodes}
        return {
            name: enter
            for name, enter in self.entries.items()
            if getattr(reaches[name], "whole", False)
        }

    def outside(self, port: int) -> str:
        """Where a node port answers: at the first node that isn't stopped, else at the first."""
        up = (node for node in self.nodes if node.reach != Stopped())
        return f"http://{next(up, self.nodes[0]).address}:{port}"

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
    """The node with that name; LabError, which lists the nodes, if there is none."""
    for node in nodes:
        if node.name == name:
            return node
    names = ", ".join(node.name for node in nodes)
    raise LabError(f"Unknown node {name!r}.", f"The nodes are: {names}.", Kind.INPUT)


def prepare() -> None:
    """Make what reads contracts; see ``typed.prepare``."""
    from ansible_collections.latihan.lab.plugins.plugin_utils.common import typed  # noqa: PLC0415

    typed.prepare(Contract)


def from_json(text: bytes) -> Contract:
    """The contract that ``contract.json`` holds, as its provider wrote it.

    Raises:
        ValueError: it isn't JSON, or a field is missing, unknown or of another type.
    """
    # This takes a tenth of a second to import, and most commands read no contract.
    from ansible_collections.latihan.lab.plugins.plugin_utils.common.typed import (  # noqa: PLC0415
        from_json as typed,
    )

    contract = typed(Contract, text)
    if not contract.nodes:
        raise ValueError("nodes: there are none")
    return contract


def read(path: Path) -> Contract:
    """Read a contract; a place that has ended since it was written counts as stopped.

    Raises:
        LabError: it is missing (the cluster was never made), or isn't a contract.
    """
    try:
        written = from_json(path.read_bytes())
    except FileNotFoundError as error:
        raise LabError(
            f"The profile {path.parent.name!r} has no cluster.",
            "Make it with `python3 runner.py provision`.",
            Kind.INPUT,
        ) from error
    except (OSError, ValueError) as error:
        raise LabError(
            f"{path} can't be read as a contract: {getattr(error, 'strerror', None) or error}.",
            "Take the lab down (`python3 runner.py teardown`) and make it again.",
            Kind.INPUT,
        ) from error
    nodes = (replace(node, reach=_now(node.reach)) for node in written.nodes)
    return replace(written, host=_now(written.host), nodes=tuple(nodes))


def provider_of(path: Path) -> str | None:
    """The provider that a contract names, even an older version's; None if there is none."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["provider"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _now(reach: Reach) -> Reach:
    process = reach.process if isinstance(reach, Reachable) else None
    return Stopped() if process is not None and not process.runs else reach


def write(path: Path, contract: Contract) -> None:
    """Write a contract in one step: readers see the old one or the new one."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(contract), indent=2) + "\n", encoding="utf-8")
    new.replace(path)
