"""What a run's texts and states mean, without what is made up anew in each run. Pure.

An address becomes its owner, a node port its service's, and a generated value its number in the
text, so that two values that were equal still are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    Facts,
    LabInfo,
    NodeInfo,
    PodInfo,
    ServiceInfo,
)
from latihan.reports.models import Report

# Letters and digits of Kubernetes' generated names (k8s.io/apimachinery, util/rand).
_RANDOM = "bcdfghjklmnpqrstvwxz2456789"
_TIME = re.compile(r"\b(?:\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d(?:\.\d+)?Z?\b")
_GENERATED = {
    "UID": re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    # An inode of a namespace, as readlink /proc/PID/ns/net prints it (namespaces(7)).
    "namespace": re.compile(r"(?<=:\[)\d+(?=\])"),
}
_SUFFIX = re.compile(rf"(?<=[a-z0-9])-[{_RANDOM}]{{6,10}}-[{_RANDOM}]{{5}}\b")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:]*)(?:/\d+)?(?![\w.])"
)
_OWNER = r"(?:pod|node|service|host|address)(?:[/ ][\w./…-]+)?"
_OWNERS = re.compile(rf"{_OWNER}(?:(?:, | and ){_OWNER})+")


@dataclass(frozen=True)
class Meaning:
    """What is said of one moment of a lab.

    Args:
        owners: by an address, or a node's block of pod addresses, whose it is.
        ports: by a node port, its service.
        networks: the blocks of the lab; an unknown address in one of them was made up.
    """

    owners: Mapping[str, str]
    ports: Mapping[str, str]
    networks: tuple[str, ...]

    def text(self, said: str) -> str:
        """A text by its meaning."""
        said = _TIME.sub("TIME", said)
        for kind, pattern in _GENERATED.items():
            said = _numbered(kind, pattern, said)
        said = _SUFFIX.sub("-…", said)
        said = _ADDRESS.sub(lambda found: self._owner(found[0]), said)
        said = re.sub(
            r"\b\d{5}\b",
            lambda found: (
                f"NODEPORT of {self.ports[found[0]]}" if found[0] in self.ports else found[0]
            ),
            said,
        )
        # Lists of addresses are in the addresses' order, which means nothing.
        return _OWNERS.sub(lambda found: _sorted(found[0]), said)

    def _owner(self, address: str) -> str:
        known = self.owners.get(address)
        if known or "/" in address:
            return known or address
        try:
            inside = any(ip_address(address) in ip_network(block) for block in self.networks)
        except ValueError:
            return address
        return "address of the lab" if inside else address


def _numbered(kind: str, pattern: re.Pattern[str], said: str) -> str:
    """Generated values as numbers, by their first appearance."""
    order = list(dict.fromkeys(pattern.findall(said)))
    return pattern.sub(lambda found: f"{kind} {order.index(found[0]) + 1}", said)


def _sorted(listed: str) -> str:
    return ", ".join(sorted(re.split(", | and ", listed)))


def at(report: Report, moment: int | None) -> Meaning:
    """The meanings at one moment of a run; what is unknown there is as at the run's other moments.

    Args:
        report: the run's report.
        moment: the index of its facts; None if an outcome has none.
    """
    now = report.at(moment)
    # What was known last counts.
    known = [*report.facts, *([now] if now else [])]
    owners: dict[str, str] = {}
    ports: dict[str, str] = {}
    networks: dict[str, None] = {}
    for facts in known:
        for name, node in facts.nodes.items():
            if node.pod_cidr:
                owners[node.pod_cidr] = f"pods of node/{name}"
        owners |= {
            address: _SUFFIX.sub("-…", each.owner) for address, each in facts.addresses.items()
        }
        ports |= {
            str(port.node_port): f"service/{name}"
            for name, service in facts.services.items()
            for port in service.ports
            if port.node_port
        }
        lab = facts.lab
        networks |= dict.fromkeys(filter(None, (lab.network, lab.pod_network, lab.service_network)))
    return Meaning(owners, ports, tuple(networks))


@dataclass(frozen=True)
class Aspect:
    """What can be said of a part of a lab.

    Args:
        what: state, endpoints, service, place ...
        owner: whose it is, as in ``pod/p1``.
        part: which of several, as in a link's name; empty if there is one.
    """

    what: str
    owner: str
    part: str = ""

    @property
    def name(self) -> str:
        """What it is about."""
        return f"{self.owner} {self.part}".rstrip()


def states(facts: Facts, meaning: Meaning) -> dict[Aspect, str]:
    """A moment of a lab, by its aspects."""
    said: dict[Aspect, str] = {}
    for name, node in facts.nodes.items():
        said |= _node(f"node/{name}", node, meaning)
    for name, pod in facts.pods.items():
        said |= _pod(f"pod/{meaning.text(name)}", pod)
    for name, service in facts.services.items():
        said[Aspect("service", f"service/{name}")] = _service(service)
    for name, endpoints in facts.endpoints.items():
        pods = sorted(endpoints.ready_pods or endpoints.ready)
        said[Aspect("endpoints", f"service/{name}")] = ", ".join(pods) or "none ready"
    return _networks(facts.lab) | {aspect: meaning.text(value) for aspect, value in said.items()}


def _networks(lab: LabInfo) -> dict[Aspect, str]:
    blocks = {"nodes": lab.network, "pods": lab.pod_network, "services": lab.service_network}
    return {Aspect("network", of): block for of, block in blocks.items() if block}


def _node(name: str, node: NodeInfo, meaning: Meaning) -> dict[Aspect, str]:
    parts = (node.version, node.runtime, node.os_image, node.kernel)
    # A link that leads to one pod has a generated name.
    routes = node.routes or []
    pods = {
        route.interface: owner
        for route in routes
        if (owner := meaning.owners.get(route.to or "", "")).startswith("pod/")
    }
    return {
        Aspect("state", name): _of_node(node),
        Aspect("labels", name): _pairs(node.labels),
        **{
            Aspect("link", name, f"to {pods[link]}" if link in pods else link): (
                f"{interface.state}, MTU {interface.mtu}"
            )
            for link, interface in (node.interfaces or {}).items()
        },
        **{
            Aspect("route", name, f"to {meaning.text(route.to or '')}"): (
                f"via {route.via} over {route.interface}"
                if route.via
                else f"over {route.interface}"
            )
            for route in routes
            if route.interface not in pods
        },
        Aspect("system", name): ", ".join(filter(None, parts)),
    }


def _of_node(node: NodeInfo) -> str:
    ready = "ready" if node.ready else f"not ready: {node.reason}"
    return f"{ready}, takes no new pods" if node.unschedulable else ready


def _pod(name: str, pod: PodInfo) -> dict[Aspect, str]:
    ready = "ready" if pod.ready else f"not ready {pod.reason}".strip()
    return {
        Aspect("state", name): f"{pod.phase}, {ready}",
        Aspect("place", name): f"on {pod.node}" if pod.node else "on no node",
        Aspect("labels", name): _pairs(pod.labels),
        **{
            Aspect("container", name, container.name): (
                f"{container.image}, restarts: {container.restarts}"
            )
            for container in pod.containers.values()
        },
    }


def _service(service: ServiceInfo) -> str:
    parts = [
        service.type,
        *(f"{each.protocol} {each.port} to {each.target_port}" for each in service.ports),
        f"for {_pairs(service.selector)}" if service.selector else "",
        f"traffic policy {service.external_traffic_policy}"
        if service.external_traffic_policy
        else "",
        f"affinity {service.session_affinity}" if service.session_affinity else "",
        "with an external address" if service.external_ips else "",
    ]
    return ", ".join(filter(None, parts))


def _pairs(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "none"
