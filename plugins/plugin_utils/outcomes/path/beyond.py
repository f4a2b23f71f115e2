"""Where a lab isn't as it was made, whether or not a packet meets it. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import (
    asking,
    names,
    netfilter,
    programs,
    services,
    walk,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.asking import Question
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import (
    deleting,
    inside,
    listing,
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.routing import Port, across
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    DAEMONS,
    HOST,
    Network,
    Route,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import DNS_SERVICE
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import (
    Departure,
    each_once,
)

# Services asked from every node: more would take longer than they tell.
_MOST_SERVICES = 30


def departures(world: World, down: str = "") -> tuple[Departure, ...]:
    """All departures of a lab that can be seen without a packet that fails.

    Args:
        world: the lab.
        down: a node that is down on purpose.
    """
    found: list[Departure] = []
    for node in world.cluster.nodes:
        for program in (programs.PROXY, programs.KUBELET):
            resting = programs.not_running(world, node, program) if node != down else None
            found += [resting] if resting else []
    for network in world.networks.values():
        found += _rules(network)
        found += _routes(world, network)
        found += _neighbours(world, network)
        found += _links(world, network)
        found += programs.stopped_in(world, network.place)
        found += names.changed(world, network.place)
        if network.place.startswith("node/") and network.setting("ipv4/ip_forward") == "0":
            found.append(_closed(network))
    for name, service in world.cluster.services.items():
        if service.namespace == world.cluster.namespace or name == "/".join(DNS_SERVICE):
            found += services.departures(world, service, down)
    found += _translations(world, down)
    return each_once(found)


def _rules(network: Network) -> Iterator[Departure]:
    place, where = network.place, shown(network.place)
    only = f"only rules of Kubernetes and of CNI are in {where}"
    for rule in netfilter.foreign_rules(network):
        yield Departure(
            "foreign-rule", place, "filter", only,
            f"the table {rule.home} of {where} has the rule {rule.text}",
            listing(place, rule), deleting(place, rule),
        )  # fmt: skip
    for name in network.tables:
        yield Departure(
            "foreign-rule", place, "filter", only,
            f"nftables has the table {name} in {where}, whose rules are not judged",
            inside(place, f"nft list table {name}"),
        )  # fmt: skip
    for policy in netfilter.closing_policies(network):
        yield Departure(
            "foreign-rule", place, "filter",
            f"the policy of {policy.chain} in the table {policy.home} is ACCEPT",
            f"the policy of the chain {policy.chain} of {where} is DROP",
            listing(place, policy), deleting(place, policy),
        )  # fmt: skip


def _closed(network: Network) -> Departure:
    name = "net.ipv4.ip_forward"
    return Departure(
        "forwarding-off", network.place, "setting", f"{name} is 1", f"{name} is 0",
        inside(network.place, f"sysctl {name}"), inside(network.place, f"sysctl -w {name}=1"),
    )  # fmt: skip


def _routes(world: World, network: Network) -> Iterator[Departure]:
    """Routes that no address, node, pod or service explains."""
    cluster = world.cluster
    for route in network.routes:
        if route.author in DAEMONS or route.kind in ("local", "broadcast", "multicast"):
            continue
        if network.place.startswith("pod/") or _explained(world, network, route):
            continue
        if any(route.to.startswith(each) for each in _outside(world)):
            continue
        there = cluster.named(route.to.partition("/")[0])
        yield Departure(
            "extra-route", network.place, "route",
            f"no route of its own to {route.to}"
            + (f" ({there})" if there != route.to.partition("/")[0] else ""),
            f"{shown(network.place)} has the route {route.text}",
            inside(network.place, "ip route show table all"),
            inside(network.place, f"ip route del {route.text}"),
        )  # fmt: skip


def _outside(world: World) -> Iterator[str]:
    """The addresses that a tunnel gives to services."""
    for service in world.cluster.services.values():
        yield from service.info.external_ips


def _explained(world: World, network: Network, route: Route) -> bool:
    cluster = world.cluster
    if route.kind != "unicast" or route.table != "main":
        return False
    if network.place == HOST:
        return not route.via
    if route.to == "0.0.0.0/0":
        return True
    own = network.place.removeprefix("node/")
    for node in cluster.nodes.values():
        if node.pod_cidr == route.to:
            return node.name == own or route.via == node.internal_ip
    pod = cluster.pod_at(route.to.partition("/")[0])
    return pod is not None and pod.info.node == own and not route.via


def _neighbours(world: World, network: Network) -> Iterator[Departure]:
    """Entries that somebody wrote and that aren't true."""
    for entry in network.neighbours.values():
        if entry.state != "PERMANENT" or entry.link not in network.links:
            continue
        for port in across(world, Port(network.place, network.links[entry.link])):
            if entry.address in world.networks[port.place].addresses and port.link.mac != entry.mac:
                yield Departure(
                    "wrong-neighbour", network.place, "neighbour",
                    f"{entry.address} is at {port.link.mac}",
                    f"the neighbour table of {shown(network.place)} has {entry.mac} for"
                    f" {entry.address}",
                    inside(network.place, f"ip neighbour show {entry.address}"),
                    inside(network.place, f"ip neighbour del {entry.address} dev {entry.link}"),
                )  # fmt: skip


def _links(world: World, network: Network) -> Iterator[Departure]:
    """Interfaces that are down, or whose MTU isn't that of most others in the lab."""
    sizes = Counter(
        link.mtu for each in world.networks.values() for link in each.links.values() if link.peer
    )
    usual = sizes.most_common(1)[0][0] if sizes else 0
    for link in network.links.values():
        if link.peer and not link.up:
            yield Departure(
                "link-down", network.place, "link", f"{link.name} is up", f"{link.name} is down",
                inside(network.place, f"ip link show {link.name}"),
                inside(network.place, f"ip link set {link.name} up"),
            )  # fmt: skip
        if link.peer and link.mtu < usual:
            yield Departure(
                "mtu-too-large", network.place, "link", f"{link.name} takes {usual} bytes",
                f"{link.name} of {shown(network.place)} takes only {link.mtu} bytes",
                inside(network.place, f"ip link show {link.name}"),
                inside(network.place, f"ip link set {link.name} mtu {usual}"),
            )  # fmt: skip


def _translations(world: World, down: str) -> Iterator[Departure]:
    """Each node's rules for each service, seen by a packet of the node's own, and by the host's."""
    for service in list(world.cluster.services.values())[:_MOST_SERVICES]:
        for each in service.info.ports:
            goals = [(service.info.cluster_ip, each.port)] if service.has_address else []
            for node in world.cluster.nodes.values():
                place = f"node/{node.name}"
                if node.name == down or place not in world.networks:
                    continue
                asked = [(place, *goal) for goal in goals]
                if each.node_port and HOST in world.networks and node.internal_ip:
                    asked.append((HOST, node.internal_ip, each.node_port))
                for start, address, port in asked:
                    question = (each.protocol.lower(), str(address), int(port or 0))
                    for way in walk.ways(world, start, question):
                        first = way.departures[:1]
                        yield from (each for each in first if each.id != "mtu-too-large")


def questions_of_nodes(world: World) -> Iterator[Question]:
    """What every node asks: its API server."""
    first = world.cluster.contract.nodes[0]
    for node in world.cluster.nodes.values():
        if node.name != first.name:
            yield Question(f"node/{node.name}", "tcp", first.address, 6443, wanted=True)


def unready_nodes(world: World, down: str = "") -> Iterator[Departure]:
    """Nodes that don't run, or of which the API says that they aren't Ready, and why."""
    reached = {place for place in world.networks if place.startswith("node/")}
    for node in world.cluster.nodes.values():
        place = f"node/{node.name}"
        if node.name == down:
            continue
        if world.unseen.get(place) == "it is stopped":
            yield Departure(
                "node-down", place, "program", f"the node {node.name} runs",
                f"The node {node.name} is stopped", "python3 runner.py status",
                f"Start it: `python3 runner.py start -e cluster_node={node.name}`.", stays=True,
            )  # fmt: skip
        elif not node.ready:
            resting = programs.not_running(world, node.name, programs.KUBELET)
            if place in reached and resting is not None:
                yield resting
            for question in questions_of_nodes(world):
                if question.start == place:
                    yield from asking.follow(world, question).departures[:1]
            yield Departure(
                "node-down", place, "program", f"the node {node.name} is Ready",
                f"The node {node.name} is not Ready: {node.reason or 'no reason given'}",
                f"python3 runner.py kubectl describe node {node.name}",
                f"Look into it: `python3 runner.py kubectl describe node {node.name}`.",
            )  # fmt: skip
