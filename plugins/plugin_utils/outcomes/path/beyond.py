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
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.routing import Port, across
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    HOST,
    Route,
    Space,
    is_stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import DNS_SERVICE
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import (
    Departure,
    each_once,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.iptables import Rule

# Routes of these authors come and go with addresses, or with a routing daemon's neighbours.
_OTHERS = frozenset({"kernel", "bird", "zebra", "bgp", "ospf", "ra", "dhcp", "redirect"})
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
    for space in world.spaces.values():
        found += _rules(space)
        found += _routes(world, space)
        found += _neighbours(world, space)
        found += _links(world, space)
        found += _stopped(world, space)
        found += names.changed(world, space.place)
        if space.place.startswith("node/") and space.setting("ipv4/ip_forward") == "0":
            found.append(_closed(space))
    for name, service in world.cluster.services.items():
        if service.namespace == world.cluster.namespace or name == "/".join(DNS_SERVICE):
            found += services.departures(world.cluster, service, down)
    found += _translations(world, down)
    return each_once(found)


def _rules(space: Space) -> Iterator[Departure]:
    for rule in netfilter.foreign_rules(space):
        yield Departure(
            "foreign-rule", space.place, "filter",
            f"only rules of Kubernetes and of CNI are in {shown(space.place)}",
            f"the table {rule.table} of {shown(space.place)} has the rule {rule.text}",
            inside(space.place, f"iptables-save -c -t {rule.table}"), deleting(space.place, rule),
        )  # fmt: skip
    for table, chain in netfilter.closing_policies(space):
        policy = Rule(table, chain, 0, 0, ("-j", "DROP"))
        yield Departure(
            "foreign-rule", space.place, "filter",
            f"the policy of {chain} in the table {table} is ACCEPT",
            f"the policy of the chain {chain} of {shown(space.place)} is DROP",
            inside(space.place, f"iptables-save -c -t {table}"), deleting(space.place, policy),
        )  # fmt: skip


def _closed(space: Space) -> Departure:
    name = "net.ipv4.ip_forward"
    return Departure(
        "forwarding-off", space.place, "setting", f"{name} is 1", f"{name} is 0",
        inside(space.place, f"sysctl {name}"), inside(space.place, f"sysctl -w {name}=1"),
    )  # fmt: skip


def _routes(world: World, space: Space) -> Iterator[Departure]:
    """Routes that no address, node, pod or service explains."""
    cluster = world.cluster
    for route in space.routes:
        if route.author in _OTHERS or route.kind in ("local", "broadcast", "multicast"):
            continue
        if space.place.startswith("pod/") or _explained(world, space, route):
            continue
        if any(route.to.startswith(each) for each in _outside(world)):
            continue
        there = cluster.named(route.to.partition("/")[0])
        yield Departure(
            "extra-route", space.place, "route",
            f"no route of its own to {route.to}"
            + (f" ({there})" if there != route.to.partition("/")[0] else ""),
            f"{shown(space.place)} has the route {route.text}",
            inside(space.place, "ip route show table all"),
            inside(space.place, f"ip route del {route.text}"),
        )  # fmt: skip


def _outside(world: World) -> Iterator[str]:
    """The addresses that a tunnel gives to services."""
    for service in world.cluster.services.values():
        yield from service.info.external_ips


def _explained(world: World, space: Space, route: Route) -> bool:
    cluster = world.cluster
    if route.kind != "unicast" or route.table != "main":
        return False
    if space.place == HOST:
        return not route.via
    if route.to == "0.0.0.0/0":
        return True
    own = space.place.removeprefix("node/")
    for node in cluster.nodes.values():
        if node.pod_cidr == route.to:
            return node.name == own or route.via == node.internal_ip
    pod = cluster.pod_at(route.to.partition("/")[0])
    return pod is not None and pod.info.node == own and not route.via


def _neighbours(world: World, space: Space) -> Iterator[Departure]:
    """Entries that somebody wrote and that aren't true."""
    for entry in space.neighbours.values():
        if entry.state != "PERMANENT" or entry.link not in space.links:
            continue
        for port in across(world, Port(space.place, space.links[entry.link])):
            if entry.address in world.spaces[port.place].addresses and port.link.mac != entry.mac:
                yield Departure(
                    "wrong-neighbour", space.place, "neighbour",
                    f"{entry.address} is at {port.link.mac}",
                    f"the neighbour table of {shown(space.place)} has {entry.mac} for"
                    f" {entry.address}",
                    inside(space.place, f"ip neighbour show {entry.address}"),
                    inside(space.place, f"ip neighbour del {entry.address} dev {entry.link}"),
                )  # fmt: skip


def _links(world: World, space: Space) -> Iterator[Departure]:
    """Interfaces that are down, or whose MTU isn't that of most others in the lab."""
    sizes = Counter(
        link.mtu for each in world.spaces.values() for link in each.links.values() if link.peer
    )
    usual = sizes.most_common(1)[0][0] if sizes else 0
    for link in space.links.values():
        if link.peer and not link.up:
            yield Departure(
                "link-down", space.place, "link", f"{link.name} is up", f"{link.name} is down",
                inside(space.place, f"ip link show {link.name}"),
                inside(space.place, f"ip link set {link.name} up"),
            )  # fmt: skip
        if link.peer and link.mtu < usual:
            yield Departure(
                "mtu-too-large", space.place, "link", f"{link.name} takes {usual} bytes",
                f"{link.name} of {shown(space.place)} takes only {link.mtu} bytes",
                inside(space.place, f"ip link show {link.name}"),
                inside(space.place, f"ip link set {link.name} mtu {usual}"),
            )  # fmt: skip


def _stopped(world: World, space: Space) -> Iterator[Departure]:
    node = f"node/{world.cluster.node_of(space.place)}" if "pod/" in space.place else space.place
    holders = dict.fromkeys(holder for each in space.listeners for holder in each.holders)
    for pid, name, state in holders:
        if is_stopped(state):
            yield Departure(
                "process-stopped", space.place, "program",
                f"{name} runs in {shown(space.place)}",
                f"{name} (process {pid} on {node.removeprefix('node/')}) in {shown(space.place)} is"
                f" stopped by a signal (state {state})",
                inside(node, f"ps -o pid,stat,args {pid}"), inside(node, f"kill -CONT {pid}"),
            )  # fmt: skip


def _translations(world: World, down: str) -> Iterator[Departure]:
    """Each node's rules for each service, seen by a packet of the node's own, and by the host's."""
    for service in list(world.cluster.services.values())[:_MOST_SERVICES]:
        for each in service.info.ports:
            goals = [(service.info.cluster_ip, each.port)] if service.has_address else []
            for node in world.cluster.nodes.values():
                place = f"node/{node.name}"
                if node.name == down or place not in world.spaces:
                    continue
                asked = [(place, *goal) for goal in goals]
                if each.node_port and HOST in world.spaces and node.internal_ip:
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
    reached = {place for place in world.spaces if place.startswith("node/")}
    for node in world.cluster.nodes.values():
        place = f"node/{node.name}"
        if node.name == down:
            continue
        if world.unseen.get(place) == "it is stopped":
            yield Departure(
                "node-down", place, "program", f"the node {node.name} runs",
                f"The node {node.name} is stopped", "python3 runner.py status",
                f"Start it: `python3 runner.py start -e cluster_node={node.name}`.",
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
