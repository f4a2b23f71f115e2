"""What a place should know about names, and what it does. Pure functions.

kubelet writes the resolv.conf and the hosts file of a pod (kubernetes.io: DNS for Services and
Pods); its search list continues with the node's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import (
    inside,
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import HOST, Network
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import (
    DNS_SERVICE,
    ApiState,
    Pod,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import Departure

DOMAIN = "cluster.local"
HOST_NAME = "host.minikube.internal"


@dataclass(frozen=True)
class ResolvConf:
    """What a resolv.conf says, as resolv.conf(5) has it."""

    servers: tuple[str, ...]
    search: tuple[str, ...]
    options: tuple[str, ...]


def resolver(text: str) -> ResolvConf:
    """A resolv.conf; of several search lines the last one counts."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    servers = tuple(line[1] for line in lines if line[0] == "nameserver" and len(line) > 1)
    searches = [tuple(line[1:]) for line in lines if line[0] in ("search", "domain")]
    options = tuple(word for line in lines if line[0] == "options" for word in line[1:])
    return ResolvConf(servers, searches[-1] if searches else (), options)


def hosts(text: str) -> Iterator[tuple[str, str]]:
    """The names of a hosts file, each with its address, in their order."""
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            yield name, address


def expected_servers(world: World, place: str) -> tuple[str, ...] | None:
    """The name servers that a pod should ask; None if it can't be said."""
    pod = world.cluster.pods.get(place.partition("/")[2]) if place.startswith("pod/") else None
    if pod is None:
        return None
    if pod.resolver in ("ClusterFirst", "ClusterFirstWithHostNet"):
        service = world.cluster.services.get("/".join(DNS_SERVICE))
        return (str(service.info.cluster_ip),) if service else None
    node = world.networks.get(f"node/{pod.info.node}")
    if pod.resolver == "Default" and node is not None and node.resolver is not None:
        return resolver(node.resolver).servers
    return None


def search_of(pod: Pod) -> tuple[str, ...]:
    """The domains that a pod's short names are looked up in first."""
    return (f"{pod.info.namespace}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN)


def changed(world: World, place: str) -> Iterator[Departure]:
    """Where a pod's resolv.conf or hosts file isn't what kubelet writes."""
    network = world.networks.get(place)
    pod = world.cluster.pods.get(place.partition("/")[2]) if place.startswith("pod/") else None
    if network is None or pod is None:
        return
    yield from _resolver_changed(world, network, pod)
    yield from _hosts_changed(network, pod)


def _resolver_changed(world: World, network: Network, pod: Pod) -> Iterator[Departure]:
    servers = expected_servers(world, network.place)
    if network.resolver is None or servers is None:
        return
    there = resolver(network.resolver)
    for word, wanted, found in (
        ("nameserver", servers, there.servers),
        (
            "search",
            search_of(pod) if pod.resolver.startswith("ClusterFirst") else (),
            there.search[: len(search_of(pod))] if pod.resolver.startswith("ClusterFirst") else (),
        ),
        (
            "options",
            ("ndots:5",) if pod.resolver.startswith("ClusterFirst") else (),
            tuple(each for each in there.options if each.startswith("ndots"))
            if pod.resolver.startswith("ClusterFirst")
            else (),
        ),
    ):
        if wanted != found and not pod.item.get("spec", {}).get("dnsConfig"):
            yield Departure(
                "resolver-changed",
                network.place,
                "name",
                f"{word} {' '.join(wanted)}",
                f"resolv.conf of {shown(network.place)} has {word} "
                f"{' '.join(found) or '(nothing)'}",
                inside(network.place, "cat /etc/resolv.conf"),
                f"Write `{word} {' '.join(wanted)}` into it, or make the pod again.",
            )


def _hosts_changed(network: Network, pod: Pod) -> Iterator[Departure]:
    if network.hosts is None:
        return
    spec = pod.item.get("spec", {})
    own = {pod.info.name, spec.get("hostname") or pod.info.name}
    aliases = {
        (name, str(alias.get("ip")))
        for alias in spec.get("hostAliases") or []
        for name in alias.get("hostnames") or []
    }
    for name, address in hosts(network.hosts):
        local = address.startswith(("127.", "::1", "fe00::", "ff0", "fe80"))
        if local and name.startswith(("localhost", "ip6-")):
            continue
        mine = name.partition(".")[0] in own and address in pod.info.ips
        if not mine and (name, address) not in aliases:
            yield Departure(
                "hosts-changed",
                network.place,
                "name",
                f"the hosts file has no entry for {name}",
                f"the hosts file of {shown(network.place)} says that {name} is {address}",
                inside(network.place, "cat /etc/hosts"),
                f"Take the line `{address} {name}` out of it, or make the pod again.",
            )


def known_addresses(world: World, place: str, name: str) -> list[str]:
    """The addresses that a name should have in a place; empty if it should have none."""
    cluster = world.cluster
    name = name.removesuffix(".")
    for node in cluster.nodes.values():
        if name in (node.name, f"{node.name}.{cluster.contract.profile}"):
            return [node.internal_ip] if node.internal_ip else []
    if name == HOST_NAME:
        return [cluster.contract.host_address]
    if name == "localhost":
        return ["127.0.0.1"]
    pod = cluster.pods.get(place.partition("/")[2]) if place.startswith("pod/") else None
    if pod is None or not pod.resolver.startswith("ClusterFirst"):
        return []
    return _of_service(cluster, name, pod.info.namespace)


def _of_service(cluster: ApiState, name: str, namespace: str) -> list[str]:
    for service in cluster.services.values():
        own = f"{service.info.name}.{service.namespace}.svc.{DOMAIN}"
        short = own.removesuffix(f".{DOMAIN}")
        forms = {own, short, short.removesuffix(".svc")}
        if service.namespace == namespace:
            forms.add(service.info.name)
        if name in forms:
            if service.has_address:
                return [str(service.info.cluster_ip)]
            ready = (each for port in service.backends.values() for each in port if each.ready)
            return sorted({each.address for each in ready})
    return []


def in_hosts(network: Network, name: str) -> str:
    """The address that the hosts file has for a name; empty if it has none."""
    return next((address for each, address in hosts(network.hosts or "") if each == name), "")


def servers_of(network: Network) -> Sequence[str]:
    """The name servers that a place asks."""
    return resolver(network.resolver or "").servers


def wrong_entry(world: World, network: Network, name: str, address: str) -> Departure | None:
    """A hosts file that gives a name another address than it should have."""
    wanted = known_addresses(world, network.place, name)
    if address in wanted:
        return None
    return Departure(
        "hosts-changed",
        network.place,
        "name",
        f"{name} is {' or '.join(wanted)}" if wanted else f"the name {name} is not known",
        f"the hosts file of {shown(network.place)} says that {name} is {address}",
        inside(network.place, f"grep {name} /etc/hosts"),
        f"Take the line `{address} {name}` out of it"
        + (", or make the pod again." if network.place != HOST else "."),
    )
