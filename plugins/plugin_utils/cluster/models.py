"""What the cluster is at one moment, as types. Expressions are evaluated on this as plain data.

Addresses are text, MTUs are in bytes. None, or an empty text or list, means that the cluster
doesn't say; an expectation about it fails.
"""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin

from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record, names


class InterfaceInfo(Record):
    """An interface of a node, with its IPv4 addresses."""

    name: str
    mtu: int | None = None
    state: str = ""
    addresses: list[str] = []


class RouteInfo(Record):
    """A route of a node; ``via`` is None if it leads straight to its destination."""

    to: str | None = None
    via: str | None = None
    interface: str | None = None


class NodeInfo(Record):
    """A node; ``interfaces`` and ``routes`` are None if nobody looked inside.

    ``missing`` says why the provider can't enter it; empty if it can.
    """

    name: str
    ready: bool = False
    reason: str = ""
    addresses: list[str] = []
    internal_ip: str | None = None
    pod_cidr: str | None = None
    labels: dict[str, str] = {}
    roles: list[str] = []
    unschedulable: bool = False
    version: str | None = None
    os_image: str | None = None
    kernel: str | None = None
    runtime: str | None = None
    interfaces: dict[str, InterfaceInfo] | None = None
    routes: list[RouteInfo] | None = None
    missing: str = ""


class ContainerInfo(Record):
    """A container; ``state`` is waiting, running or terminated."""

    name: str
    image: str | None = None
    ready: bool = False
    restarts: int = 0
    state: str = "waiting"
    reason: str = ""
    message: str = ""
    exit_code: int | None = None


class PodInfo(Record):
    """A pod; ``reason`` and ``message`` say why it isn't running or ready.

    ``runtime_uid`` is its UID on its node; ``declared`` are the names of its spec's containers.
    """

    name: str
    namespace: str = "default"
    uid: str | None = None
    runtime_uid: str | None = None
    labels: dict[str, str] = {}
    created: str | None = None
    deleting: bool = False
    node: str | None = None
    node_selector: dict[str, str] = {}
    host_network: bool = False
    restart_policy: str | None = None
    declared: list[str] = []
    ip: str | None = None
    ips: list[str] = []
    node_ip: str | None = None
    phase: str | None = None
    ready: bool = False
    reason: str = ""
    message: str = ""
    containers: dict[str, ContainerInfo] = {}


class PortInfo(Record):
    """A port of a service."""

    name: str = ""
    port: int | None = None
    target_port: int | str | None = None
    node_port: int | None = None
    protocol: str = "TCP"


class ServiceInfo(Record):
    """A service; ``port`` and ``node_port`` are those of its first port.

    ``url`` is where its first port answers from outside; None if it doesn't.
    """

    name: str
    uid: str | None = None
    type: str = "ClusterIP"
    cluster_ip: str | None = None
    selector: dict[str, str] = {}
    ports: list[PortInfo] = []
    port: int | None = None
    node_port: int | None = None
    external_ips: list[str] = []
    external_traffic_policy: str | None = None
    session_affinity: str | None = None
    url: str | None = None


class EndpointsInfo(Record):
    """A service's endpoints: the addresses that are ready and that aren't, and their pods."""

    name: str
    ready: list[str] = []
    not_ready: list[str] = []
    ready_pods: list[str] = []
    not_ready_pods: list[str] = []
    ports: list[int] = []


class AddressOwner(Record):
    """Who has an address, as in ``pod/p1``, ``node/latihan``, ``service/s1`` and ``host``."""

    owner: str
    interface: str | None = None


class HostInfo(Record):
    """The lab's host; ``missing`` says why the provider has none, and is empty if it has."""

    address: str | None = None
    missing: str = ""


class LabInfo(Record):
    """The lab as its provider made it; the networks are CIDR blocks, empty if not known.

    ``names`` are names of nodes that only the name server of the host knows; ``workers`` are the
    nodes that take its pods; ``cannot`` says by an ability's name (power,
    tunnel, records) why the lab lacks it.
    """

    profile: str = ""
    provider: str = ""
    network: str = ""
    pod_network: str = ""
    service_network: str = ""
    namespace: str = "default"
    nodes: list[str] = []
    names: list[str] = []
    workers: list[str] = []
    cannot: dict[str, str] = {}


class Facts(Record):
    """The cluster at one moment: things by their names, owners by their addresses."""

    nodes: dict[str, NodeInfo] = {}
    pods: dict[str, PodInfo] = {}
    services: dict[str, ServiceInfo] = {}
    endpoints: dict[str, EndpointsInfo] = {}
    host: HostInfo = HostInfo()
    addresses: dict[str, AddressOwner] = {}
    lab: LabInfo = LabInfo()

    def owner(self, address: str) -> str | None:
        """Who has an address; None if nobody in the lab does."""
        known = self.addresses.get(address)
        return known.owner if known else None


ROOTS = tuple(Facts.model_fields)


def moment_of(facts: Facts | None, kept: list[Facts]) -> int | None:
    """The place of facts among the kept ones; new facts are added there. None if there are none."""
    if facts is None:
        return None
    if facts not in kept:
        kept.append(facts)
    return kept.index(facts)


def members(path: tuple[str, ...]) -> frozenset[str]:
    """The names of a fact's members, if they are known before there are any facts.

    Args:
        path: where it is in the document, as in ``("pods", "p1")``.

    Returns:
        The names; empty if they depend on the cluster.
    """
    kind: Any = Facts
    for name in path:
        kind = _member(kind, name)
    return names(kind) if _is_record(kind) else frozenset()


def _member(kind: Any, name: str) -> Any:
    """The type of a member; None if it isn't known."""
    if _is_record(kind):
        return _present(kind.model_fields[name].annotation) if name in kind.model_fields else None
    return get_args(kind)[1] if get_origin(kind) is dict else None


def _present(annotation: Any) -> Any:
    """A type without its alternative None."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    found = [each for each in get_args(annotation) if each is not type(None)]
    return found[0] if len(found) == 1 else annotation


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Record)
