"""Where a packet's next stop is: routes, neighbours and cables. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.matching import Packet
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    HOST,
    Link,
    Network,
    PolicyRule,
    Route,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import inside

EVERYWHERE = "0.0.0.0/0"
_REFUSING = frozenset({"blackhole", "unreachable", "prohibit"})
_USUAL = (
    PolicyRule(0, "local"),
    PolicyRule(32766, "main"),
    PolicyRule(32767, "default"),
)


@dataclass(frozen=True)
class Lookup:
    """The route that a packet takes.

    ``route`` is None if there is none; ``unsure`` names a policy rule that may or may not apply,
    ``refused`` one that refuses the packet.
    """

    route: Route | None
    unsure: str = ""
    refused: str = ""

    @property
    def local(self) -> bool:
        """Whether the packet is for the place itself."""
        return self.route is not None and self.route.kind == "local"

    @property
    def by_default(self) -> bool:
        """Whether only the default route fits."""
        return self.route is not None and self.route.to == "0.0.0.0/0"

    @property
    def leads_on(self) -> bool:
        """Whether the packet goes on."""
        return self.route is not None and self.route.kind == "unicast"


def lookup(network: Network, packet: Packet, incoming: str = "lo") -> Lookup:
    """The route of a packet: the policy rules in their order, in each table the longest prefix.

    Args:
        network: the place.
        packet: the packet.
        incoming: the link that it came by; the loopback if the place sends it (ip-rule(8)).
    """
    for rule in network.policies or _USUAL:
        if rule.source and not inside(packet.source, rule.source):
            continue
        if rule.target and not inside(packet.target, rule.target):
            continue
        if rule.mark is not None and packet.mark & rule.mask != rule.mark:
            continue
        if rule.incoming and rule.incoming != incoming:
            continue
        if rule.action in _REFUSING and not rule.unread:
            return Lookup(Route(rule.target or EVERYWHERE, rule.action), refused=rule.text)
        found = _best(network, rule.table, packet.target)
        if rule.unread and found:
            return Lookup(found, f"{rule.text} (with {' '.join(rule.unread)})")
        if found and found.kind != "throw":
            return Lookup(found)
    return Lookup(None)


def _best(network: Network, table: str, address: str) -> Route | None:
    fitting = [
        route for route in network.routes if route.table == table and inside(address, route.to)
    ]
    usable = [route for route in fitting if not route.link or _is_up(network, route.link)]
    return max(
        usable, key=lambda route: (ip_network(route.to).prefixlen, -route.metric), default=None
    )


def _is_up(network: Network, link: str) -> bool:
    return link not in network.links or network.links[link].up


@dataclass(frozen=True)
class Port:
    """An interface of a place; ``crossed`` are those on the way to it, itself included."""

    place: str
    link: Link
    crossed: tuple[tuple[str, Link], ...] = ()


def across(world: World, port: Port) -> Iterator[Port]:
    """The interfaces that are in the same segment as this one, as far as places were read."""
    network = world.networks[port.place]
    members = [link for link in network.links.values() if link.master == port.link.name]
    for link in [port.link, *members]:
        if link.up and not _blocked(link):
            yield from _behind(world, Port(port.place, link, ((port.place, link),)))


def _blocked(link: Link) -> bool:
    """Whether a bridge takes nothing from this port of it, or sends nothing to it."""
    return "its state" in link.hindered


def _behind(world: World, port: Port) -> Iterator[Port]:
    """The interface at the other end of a cable and, if a bridge is there, behind its ports."""
    other = other_end(world, port)
    if other is None or not other.link.up:
        return
    crossed = (*port.crossed, (other.place, other.link))
    if not other.link.master:
        yield Port(other.place, other.link, crossed)
        return
    network = world.networks[other.place]
    bridge = network.links.get(other.link.master)
    if bridge is None or not bridge.up:
        return
    crossed = (*crossed, (other.place, bridge))
    yield Port(other.place, bridge, crossed)
    for link in network.links.values():
        isolated = "isolated" in link.hindered and "isolated" in other.link.hindered
        blocked = _blocked(link) or _blocked(other.link)
        if link.master != bridge.name or isolated or blocked:
            continue
        if link.name != other.link.name and link.up:
            end = other_end(world, Port(other.place, link))
            if end is not None and end.link.up:
                yield Port(
                    end.place, end.link, (*crossed, (other.place, link), (end.place, end.link))
                )


def other_end(world: World, port: Port) -> Port | None:
    """The other end of a cable; None if it isn't in a place that was read.

    Numbers of interfaces repeat from namespace to namespace, so both ends must name each other, and
    only places that can be neighbours are looked at.
    """
    for place, network in world.networks.items():
        if place == port.place or not _adjacent(world, place, port.place):
            continue
        for link in network.links.values():
            if link.peer and link.index == port.link.peer and link.peer == port.link.index:
                return Port(place, link)
    return None


def _adjacent(world: World, one: str, other: str) -> bool:
    """Whether two places can have a cable: a pod and its node, a node and the host."""
    ends = {one, other}
    if HOST in ends:
        return any(place.startswith("node/") for place in ends)
    pods = [place for place in ends if place.startswith("pod/")]
    return len(pods) == 1 and f"node/{world.cluster.node_of(pods[0])}" in ends
