"""Find the causes that a lab's state suggests. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    EndpointsInfo,
    Facts,
    RouteInfo,
    ServiceInfo,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Cause


@dataclass(frozen=True)
class Inside:
    """What a look into a node showed.

    Args:
        kube_proxy: whether kube-proxy runs there.
        drops: the rules of its filter table that drop or reject forwarded packets, as text.
        drops_the_rest: whether its policy for forwarded packets was seen to drop them.
        closed: the endpoints (ADDRESS:PORT) that refused a connection from their own node.
    """

    kube_proxy: bool
    drops: tuple[str, ...] = ()
    drops_the_rest: bool = False
    closed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Seen:
    """All that a diagnosis is based on.

    Args:
        facts: the facts.
        entered: the nodes that the provider can enter at all, running or not.
        inside: what a look into each running node showed.
        dns_ready: how many ready endpoints the cluster's DNS has.
        services: the services that the outcome is about.
        down: the node that is down on purpose; empty if none is.
    """

    facts: Facts
    entered: frozenset[str]
    inside: Mapping[str, Inside]
    dns_ready: int
    services: Collection[str] = ()
    down: str = ""


def causes(seen: Seen) -> list[Cause]:
    """The causes that were seen, those that break most first."""
    finders = (
        _nodes_down, _kube_proxy, _routes, _mtu, _dns, _drops, _selectors, _not_ready, _closed,
    )  # fmt: skip
    return [cause for finder in finders for cause in finder(seen)]


def _nodes_down(seen: Seen) -> Iterator[Cause]:
    for name, node in seen.facts.nodes.items():
        if name == seen.down:
            continue
        if name in seen.entered and name not in seen.inside:
            yield Cause(
                id="node-down",
                cause=f"The node {name} is stopped.",
                fix=f"Start it: `python3 runner.py start -e cluster_node={name}`.",
            )
        elif not node.ready:
            yield Cause(
                id="node-down",
                cause=f"The node {name} is not Ready: {node.reason or 'no reason given'}.",
                fix=f"Look into it: `python3 runner.py kubectl describe node {name}`.",
            )


def _kube_proxy(seen: Seen) -> Iterator[Cause]:
    for name, inside in seen.inside.items():
        if not inside.kube_proxy:
            yield Cause(
                id="kube-proxy-down",
                cause=(
                    f"kube-proxy does not run on the node {name}: its service rules are out of "
                    "date."
                ),
                fix=(
                    f"Start it: `python3 runner.py shell {name} -- supervisorctl start kube-proxy`."
                ),
            )


def _routes(seen: Seen) -> Iterator[Cause]:
    nodes = seen.facts.nodes
    for name, node in nodes.items():
        routes = node.routes
        if not routes:
            continue
        for other, peer in nodes.items():
            block = peer.pod_cidr
            if other != name and block and not _routed(routes, block, peer.internal_ip):
                yield Cause(
                    id="no-route",
                    cause=f"The node {name} has no route to {block}, the pods of {other}.",
                    fix=(
                        f"Add it: `python3 runner.py shell {name} -- ip route add {block} via "
                        f"{peer.internal_ip}`."
                    ),
                )


def _routed(routes: Sequence[RouteInfo], block: str, gateway: str | None) -> bool:
    return any(route.to == block and route.via == gateway for route in routes)


def _mtu(seen: Seen) -> Iterator[Cause]:
    for name, node in seen.facts.nodes.items():
        links = node.interfaces or {}
        uplink = links["eth0"].mtu if "eth0" in links else None
        wider = [
            link.mtu
            for link in links.values()
            if link.name.startswith("veth") and uplink and link.mtu and link.mtu > uplink
        ]
        if wider:
            yield Cause(
                id="mtu-too-large",
                cause=(
                    f"Pods on the node {name} send packets of up to {max(wider)} bytes, but its "
                    f"own interface eth0 takes only {uplink}."
                ),
                fix=(
                    f"Make them equal: `python3 runner.py shell {name} -- ip link set eth0 mtu "
                    f"{max(wider)}`."
                ),
            )


def _dns(seen: Seen) -> Iterator[Cause]:
    if seen.dns_ready == 0:
        yield Cause(
            id="dns-no-endpoint",
            cause="The cluster's DNS has no ready endpoint, so no service name resolves.",
            fix=(
                "Look at its service and its pods: `python3 runner.py kubectl -n kube-system get "
                "services,pods -l k8s-app=kube-dns`."
            ),
        )


def _drops(seen: Seen) -> Iterator[Cause]:
    for name, inside in seen.inside.items():
        for rule in inside.drops:
            yield Cause(
                id="policy-drops",
                cause=f"A rule on the node {name} drops forwarded packets: {rule}.",
                fix=(
                    f"If it is yours, delete it: `python3 runner.py shell {name} -- iptables "
                    f"{rule.replace('-A ', '-D ', 1)}`."
                ),
            )
        if inside.drops_the_rest:
            yield Cause(
                id="policy-drops",
                cause=(
                    f"The node {name} drops forwarded packets that no rule accepts: the policy of "
                    "its chain FORWARD is DROP."
                ),
                fix=f"Change it: `python3 runner.py shell {name} -- iptables -P FORWARD ACCEPT`.",
            )


def _selectors(seen: Seen) -> Iterator[Cause]:
    for name, service in _services(seen):
        selector = service.selector
        pods = [
            pod.name for pod in seen.facts.pods.values() if selector.items() <= pod.labels.items()
        ]
        if selector and not pods:
            wanted = ", ".join(f"{key}={value}" for key, value in selector.items())
            yield Cause(
                id="selector-matches-no-pod",
                cause=f"The service {name} selects {wanted}, but no pod has such labels.",
                fix=(
                    f"Compare `python3 runner.py kubectl get pods --show-labels` with the selector "
                    f"of {name}."
                ),
            )


def _not_ready(seen: Seen) -> Iterator[Cause]:
    for name, _service in _services(seen):
        waiting = [
            pod
            for pod in _endpoints(seen, name).not_ready_pods
            if pod not in seen.facts.pods or seen.facts.pods[pod].node != seen.down
        ]
        if waiting:
            pods = ", ".join(waiting)
            yield Cause(
                id="endpoint-not-ready",
                cause=f"Pods behind the service {name} are not ready: {pods}.",
                fix=f"See why: `python3 runner.py kubectl describe pods {pods.replace(',', '')}`.",
            )


def _closed(seen: Seen) -> Iterator[Cause]:
    closed = {endpoint for inside in seen.inside.values() for endpoint in inside.closed}
    for name, service in _services(seen):
        endpoints = _endpoints(seen, name)
        for address in endpoints.ready:
            for port in endpoints.ports:
                if f"{address}:{port}" in closed:
                    owner = seen.facts.owner(address) or address
                    yield Cause(
                        id="target-port-closed",
                        cause=(
                            f"The service {name} sends to port {port} of {owner}, where nothing "
                            "listens."
                        ),
                        fix=(
                            f"Compare the targetPort of {name} ({service.ports[0].target_port}) "
                            "with what the container listens on."
                        ),
                    )


def _services(seen: Seen) -> Iterator[tuple[str, ServiceInfo]]:
    for name, service in seen.facts.services.items():
        if name in seen.services:
            yield name, service


def _endpoints(seen: Seen, service: str) -> EndpointsInfo:
    return seen.facts.endpoints.get(service) or EndpointsInfo(name=service)
