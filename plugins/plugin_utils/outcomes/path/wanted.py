"""What the API says that the network should do. Pure functions.

The rules are kube-proxy's (Kubernetes 1.20: pkg/proxy/iptables/proxier.go): which endpoints serve,
whose address they see, and what is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    NodeInfo,
    PodInfo,
    ServiceInfo,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# What a pod's web server serves at /, port 80, as far as somebody has written it down.
PAGE = "latihan.lab/page"
DNS_SERVICE = ("kube-system", "kube-dns")


@dataclass(frozen=True)
class Pod:
    """A pod; ``containers`` are the ids of those that run, ``resolver`` is its dnsPolicy."""

    info: PodInfo
    containers: tuple[str, ...]
    resolver: str
    item: ApiObject

    @property
    def name(self) -> str:
        """As in default/p1."""
        return f"{self.info.namespace}/{self.info.name}"

    @property
    def place(self) -> str:
        """The place whose network it has."""
        return f"node/{self.info.node}" if self.info.host_network else f"pod/{self.name}"

    @property
    def page(self) -> str:
        """What its web server should serve at /; empty if its manifest doesn't say."""
        return str((self.item["metadata"].get("annotations") or {}).get(PAGE, ""))

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self.info.phase == "Running"


@dataclass(frozen=True)
class Backend:
    """An endpoint of a service: where its packets are sent.

    ``lingers`` is set if it is about to end but still serves: newer kube-proxies send packets there
    if no endpoint is ready (KEP-1669).
    """

    address: str
    port: int
    node: str = ""
    ready: bool = True
    pod: str = ""
    lingers: bool = False

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Service:
    """A service; ``backends`` are those of each of its ports, by the port's name."""

    namespace: str
    info: ServiceInfo
    backends: Mapping[str, tuple[Backend, ...]]
    item: ApiObject

    @property
    def name(self) -> str:
        """As in default/s1."""
        return f"{self.namespace}/{self.info.name}"

    @property
    def has_address(self) -> bool:
        """Whether it has an address of its own."""
        return self.info.cluster_ip not in (None, "", "None")


@dataclass(frozen=True)
class Translation:
    """What a node should do with a packet for a service.

    Args:
        service: whose it is.
        port: the name of the service's port.
        backends: where the packet may be sent.
        masquerades: whether they see the node's address instead of the client's.
        otherwise: what becomes of it without a backend: rejected or dropped.
    """

    service: Service
    port: str
    backends: tuple[Backend, ...]
    masquerades: bool
    otherwise: str = "rejected"


@dataclass(frozen=True)
class ApiState:
    """The API's objects that say how packets should go."""

    contract: Contract
    namespace: str
    nodes: Mapping[str, NodeInfo]
    pods: Mapping[str, Pod]
    services: Mapping[str, Service]

    def owner(self, address: str) -> str:
        """The place that has an address; empty if none has."""
        if address == self.contract.host_address:
            return "host"
        for node in self.nodes.values():
            if address in node.addresses:
                return f"node/{node.name}"
        pod = self.pod_at(address)
        return pod.place if pod else ""

    def pod_at(self, address: str) -> Pod | None:
        """The pod with an address of its own."""
        for pod in self.pods.values():
            if pod.info.ip == address and not pod.info.host_network and pod.runs:
                return pod
        return None

    def named(self, address: str) -> str:
        """Who has an address, in words for people."""
        if owner := self.owner(address):
            return owner.replace(f"pod/{self.namespace}/", "pod/")
        for service in self.services.values():
            if address == service.info.cluster_ip or address in service.info.external_ips:
                return f"service/{service.info.name}"
        return address

    def node_of(self, place: str) -> str:
        """The node whose kernel serves a place; empty for the host."""
        kind, _, name = place.partition("/")
        if kind == "node":
            return name
        pod = self.pods.get(name)
        return (pod.info.node if pod else "") or ""

    def translation(
        self, node: str, source: str, target: str, port: int, protocol: str
    ) -> Translation | None:
        """What a node should do with a new packet; None if it is for no service."""
        for service in self.services.values():
            for each in service.info.ports:
                if each.protocol.lower() != protocol:
                    continue
                everywhere = service.backends.get(each.name, ())
                ready = tuple(backend for backend in everywhere if backend.ready) or tuple(
                    backend for backend in everywhere if backend.lingers
                )
                if port == each.port and target == service.info.cluster_ip:
                    outside = not inside(source, self.contract.pod_network)
                    if service.item.get("spec", {}).get("internalTrafficPolicy") != "Local":
                        return Translation(service, each.name, ready, outside)
                    local = tuple(backend for backend in ready if backend.node == node)
                    otherwise = "rejected" if not ready else "dropped"
                    return Translation(service, each.name, local, outside, otherwise)
                external = port == each.port and target in service.info.external_ips
                own = self.nodes[node].addresses if node in self.nodes else []
                if external or (port == each.node_port and target in own):
                    return self._from_outside(service, each.name, ready, node, source)
        return None

    def behind_host_port(self, node: str, port: int, protocol: str) -> list[str]:
        """The pods' ends, as ADDRESS:PORT, that a port of a node leads to by ``hostPort``."""
        return [
            f"{pod.info.ip}:{each.get('containerPort')}"
            for pod in self.pods.values()
            if pod.info.node == node and not pod.info.host_network
            for container in pod.item.get("spec", {}).get("containers") or []
            for each in container.get("ports") or []
            if each.get("hostPort") == port and each.get("protocol", "TCP").lower() == protocol
        ]

    def _from_outside(
        self, service: Service, port: str, ready: tuple[Backend, ...], node: str, source: str
    ) -> Translation:
        if service.info.external_traffic_policy != "Local":
            return Translation(service, port, ready, True)
        if inside(source, self.contract.pod_network):
            return Translation(service, port, ready, False)
        if node in self.nodes and source in self.nodes[node].addresses:
            return Translation(service, port, ready, True)
        local = tuple(backend for backend in ready if backend.node == node)
        return Translation(service, port, local, False, "rejected" if not ready else "dropped")


def inside(address: str, block: str) -> bool:
    """Whether an address is in a CIDR block."""
    try:
        return ip_address(address) in ip_network(block, strict=False)
    except ValueError:
        return False


def cluster(
    contract: Contract, namespace: str, items: Mapping[str, Sequence[ApiObject]]
) -> ApiState:
    """The API's objects as a model.

    Args:
        contract: the lab.
        namespace: the namespace that short names mean.
        items: the API's objects: nodes, pods, services, and endpointslices.
    """
    pods = {pod.name: pod for pod in map(_pod, items["pods"])}
    slices = list(items["endpointslices"])
    services = {
        each.name: each for item in items["services"] for each in [_service(item, contract, slices)]
    }
    nodes = {node.name: node for node in map(facts.node, items["nodes"])}
    return ApiState(contract, namespace, nodes, pods, services)


def _pod(item: ApiObject) -> Pod:
    statuses = item.get("status", {}).get("containerStatuses") or []
    running = tuple(
        str(each.get("containerID", "")).rpartition("/")[2]
        for each in statuses
        if "running" in (each.get("state") or {})
    )
    return Pod(facts.pod(item), running, item.get("spec", {}).get("dnsPolicy", ""), item)


def _service(item: ApiObject, contract: Contract, slices: Iterable[ApiObject]) -> Service:
    namespace = item["metadata"].get("namespace", "default")
    info = facts.service(item, contract)
    own = [
        each
        for each in slices
        if each["metadata"].get("namespace") == namespace
        and (each["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == info.name
    ]
    found: dict[str, dict[str, Backend]] = {}
    for each in facts.of_family(info.cluster_ip or "", own):
        for name, backend in _backends(each):
            found.setdefault(name, {})[str(backend)] = backend
    return Service(
        namespace, info, {name: tuple(each.values()) for name, each in found.items()}, item
    )


def _backends(item: ApiObject) -> Iterator[tuple[str, Backend]]:
    """The endpoints of an EndpointSlice; without ``ready`` one is ready."""
    for port in item.get("ports") or []:
        for each in item.get("endpoints") or []:
            node = each.get("nodeName") or (each.get("topology") or {}).get(
                "kubernetes.io/hostname"
            )
            target = each.get("targetRef") or {}
            yield (
                port.get("name") or "",
                Backend(
                    address=str((each.get("addresses") or [""])[0]),
                    port=int(port.get("port") or 0),
                    node=node or "",
                    ready=(each.get("conditions") or {}).get("ready") is not False,
                    pod=str(target.get("name", "")),
                    lingers=_lingers(each.get("conditions") or {}),
                ),
            )


def _lingers(conditions: ApiObject) -> bool:
    return bool(conditions.get("serving") and conditions.get("terminating"))


def selected(cluster: ApiState, service: Service) -> list[Pod]:
    """The pods that a service's selector matches."""
    wanted = service.info.selector.items()
    return [
        pod
        for pod in cluster.pods.values()
        if wanted and pod.info.namespace == service.namespace and wanted <= pod.info.labels.items()
    ]


# Who has changed an object by hand, as the API notes it (managedFields).
_HANDS = frozenset({"kubectl-patch", "kubectl-edit"})


def by_hand(item: ApiObject) -> set[str]:
    """The fields of an object's ``spec`` that somebody changed by hand after it was made."""
    return {
        field.removeprefix("f:")
        for entry in item["metadata"].get("managedFields") or []
        if entry.get("manager") in _HANDS
        for field in (entry.get("fieldsV1") or {}).get("f:spec") or {}
    }


def changed(item: ApiObject) -> Iterator[tuple[str, Any, Any]]:
    """Where an object isn't as its manifest said: the field, what it said, and what is there.

    ``kubectl apply`` keeps the manifest in an annotation; for what was made otherwise nothing is
    known.
    """
    text = (item["metadata"].get("annotations") or {}).get(APPLIED)
    try:
        applied = json_text.read(text) if text else None
    except ValueError:
        return
    if not isinstance(applied, dict):
        return
    yield from _differences("spec", applied.get("spec") or {}, item.get("spec") or {})
    labels = (applied.get("metadata") or {}).get("labels") or {}
    there = item["metadata"].get("labels") or {}
    if labels != there:
        yield "metadata.labels", labels, there
    for field, usual in _USUAL.items():
        said = (applied.get("spec") or {}).get(field, usual)
        is_there = (item.get("spec") or {}).get(field, usual)
        if field not in (applied.get("spec") or {}) and said != is_there:
            yield f"spec.{field}", said, is_there


# What the API fills in for these fields of a service if the manifest doesn't have them.
_USUAL = {
    "sessionAffinity": "None",
    "externalTrafficPolicy": "Cluster",
    "internalTrafficPolicy": "Cluster",
    "publishNotReadyAddresses": False,
}


def _differences(path: str, said: Any, there: Any) -> Iterator[tuple[str, Any, Any]]:
    if path == "spec.selector" and said != there:
        yield path, said, there
    elif isinstance(said, dict) and isinstance(there, dict):
        for name, value in said.items():
            yield from _differences(f"{path}.{name}", value, there.get(name))
    elif isinstance(said, list) and isinstance(there, list) and len(said) == len(there):
        for number, (one, other) in enumerate(zip(said, there, strict=True)):
            yield from _differences(f"{path}[{number}]", one, other)
    elif said != there:
        yield path, said, there
