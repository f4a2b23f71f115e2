"""Where a packet should go next, held against routes, neighbours, links and settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import (
    inside,
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.routing import (
    Lookup,
    Port,
    across,
    lookup,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    DAEMONS,
    HOST,
    Link,
    Network,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.trips import Trip
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import (
    LOST,
    NO_ROUTE,
    PASSES,
    UNSEEN,
    Departure,
    PacketWay,
)

# The value of arp_ignore with which a place answers nobody (ip-sysctl.rst).
_ANSWERS_NONE = "8"
# RFC 1700's default, and less than any way through a lab needs.
_USUAL_TTL, _LEAST_TTL = "64", 16
_PLAIN_QUEUES = frozenset({"", "noqueue", "noop", "pfifo", "pfifo_fast", "fq", "fq_codel", "mq"})


class Cables:
    """Judges the way from place to place, for what begins at ``start``."""

    def __init__(self, world: World, start: str) -> None:
        self._world = world
        self._cluster = world.cluster
        self._start = start

    def next_place(self, place: str, address: str) -> str | None:
        """The place that a packet should go to next; empty for none, None if it isn't known."""
        owner = self._cluster.owner(address)
        if owner == place or (place, address) == (self._start, "127.0.0.1"):
            return place
        if place.startswith("pod/"):
            return f"node/{self._cluster.node_of(place)}"
        if place == HOST:
            return self._next_of_host(owner, address)
        if owner.startswith("pod/"):
            node = f"node/{self._cluster.node_of(owner)}"
            return owner if node == place else node
        return owner or (HOST if HOST in self._world.networks else None)

    def _next_of_host(self, owner: str, address: str) -> str:
        """The host reaches nodes, and services that have got an address outside of the cluster."""
        if owner.startswith("node/"):
            return owner
        outside = any(address in each.info.external_ips for each in self._cluster.services.values())
        return f"node/{self._cluster.contract.nodes[0].name}" if outside else ""

    def unrouted(self, place: str, trip: Trip, found: Lookup) -> PacketWay | None:
        """The way that ends since there is no route; None if it goes on."""
        address = trip.packet.target
        wanted = self.next_place(place, address)
        there = found.route
        text = there.text if there else "none"
        shows = inside(place, f"ip route get {address}")
        if found.leads_on or found.local:
            misled = self._misled(place, address, found, wanted)
            if misled is not None:
                # Where the packet then goes is of no interest.
                return trip.departs(misled).ends(PASSES if misled.id == "extra-route" else LOST)
            if not (wanted and wanted != HOST and place.startswith("node/") and found.by_default):
                return None
        if wanted == "":
            return trip.step(place, f"no route to {address}", "no route").ends(NO_ROUTE)
        if wanted is None:
            return trip.step(place, "not known", f"no route to {address}").ends(NO_ROUTE)
        refused = _refused(place, address, found.refused) if found.refused else None
        lost = refused or (self._lost_link(place) if there is None else None)
        if lost is not None:
            return trip.departs(lost).ends(NO_ROUTE)
        should, way = self._route_to(place, address, wanted)
        if there is None or found.leads_on:
            actual = f"{shown(place)} has no route to {should}"
            fix = inside(place, f"ip route add {way}")
            kind = "no-route"
        else:
            actual = f"{shown(place)} has the route {text}, which refuses packets for {address}"
            fix = inside(place, f"ip route del {text}")
            kind = "blackhole-route"
            if not any(
                route.kind == "unicast" and route.to.partition("/")[0] in way
                for route in self._world.networks[place].routes
            ):
                fix += f"; then {inside(place, f'ip route add {way}')}"
        expected = f"a route to {address} by way of {self._called(wanted)}"
        # CNI writes the routes to a node's own pods, and a tunnel those of the host.
        coming = place == HOST or wanted.startswith("pod/")
        stays = there.author not in DAEMONS if there and kind == "blackhole-route" else not coming
        departure = Departure(kind, place, "route", expected, actual, shows, fix, stays=stays)
        return trip.departs(departure).ends(NO_ROUTE)

    def _lost_link(self, place: str) -> Departure | None:
        """Why a place has lost its routes: a link that is down, or an address that is gone."""
        network = self._world.networks[place]
        for link in network.links.values():
            if link.peer and not link.up and not link.master:
                return _down(place, link)
        pod = self._cluster.pods.get(place.removeprefix("pod/"))
        if pod is not None and pod.info.ip and pod.info.ip not in network.addresses:
            own = [each for each in network.addresses if not each.startswith("127.")]
            return Departure(
                "address-lost", place, "link", f"{shown(place)} has its address {pod.info.ip}",
                f"{shown(place)} has {', '.join(own) or 'no address'} instead of its own address,"
                f" {pod.info.ip}",
                inside(place, "ip address"),
                "Make the pod again: its routes went with its address.",
            )  # fmt: skip
        return None

    def deaf(self, network: Network, link: Link, gateway: str, there: Port) -> Departure | None:
        """A next stop that answers no question for its hardware address (ip-sysctl.rst)."""
        entry = network.neighbours.get((gateway, link.name))
        if entry is not None and entry.mac:
            return None
        other = self._world.networks[there.place]
        for name in ("all", there.link.name):
            if other.setting(f"ipv4/conf/{name}/arp_ignore") == _ANSWERS_NONE:
                key = f"net.ipv4.conf.{name}.arp_ignore"
                return Departure(
                    "arp-ignored", there.place, "setting", f"{key} is 0",
                    f"{key} is {_ANSWERS_NONE}, so nobody learns the hardware address of {gateway}",
                    inside(there.place, f"sysctl {key}"), inside(there.place, f"sysctl -w {key}=0"),
                )  # fmt: skip
        return None

    def misdirected(self, there: Port) -> Departure | None:
        """A bridge on the way that takes the next stop to be behind another port."""
        at, port = there.crossed[-2] if len(there.crossed) > 1 else ("", there.link)
        for entry in self._world.networks[at].behind if port.master else ():
            if entry.mac == there.link.mac and entry.link != port.name:
                return Departure(
                    "wrong-port", at, "link",
                    f"{entry.mac}, {shown(there.place)}, is behind {port.name}",
                    f"the forwarding table (fdb) of the bridge {port.master} has it behind"
                    f" {entry.link}",
                    inside(at, f"bridge fdb show br {port.master}"),
                    inside(at, f"bridge fdb del {entry.mac} dev {entry.link} master"),
                )  # fmt: skip
        return None

    def short(self, place: str, network: Network) -> Departure | None:
        """A place whose packets may pass too few routers."""
        name = "net.ipv4.ip_default_ttl"
        value = network.setting("ipv4/ip_default_ttl", _USUAL_TTL)
        if not value.isdigit() or int(value) >= _LEAST_TTL:
            return None
        return Departure(
            "short-lived", place, "setting", f"{name} is {_USUAL_TTL}",
            f"{name} is {value}, so what {shown(place)} sends may pass {int(value) - 1} routers",
            inside(place, f"sysctl {name}"), inside(place, f"sysctl -w {name}={_USUAL_TTL}"),
        )  # fmt: skip

    def _misled(
        self, place: str, address: str, found: Lookup, wanted: str | None
    ) -> Departure | None:
        """A route that should not be there, or that may be another one."""
        route, owner = found.route, self._cluster.owner(address)
        if route is None:
            return None
        if found.local and owner not in ("", place):
            return Departure(
                "extra-address", place, "link", f"{address} is {shown(owner)}",
                f"{shown(place)} has the address {address} itself, on {route.link}",
                inside(place, "ip address"),
                inside(place, f"ip address del {address} dev {route.link}"),
            )  # fmt: skip
        if wanted == "":
            return Departure(
                "extra-route", place, "route", f"no route to {address}",
                f"{shown(place)} has the route {route.text}",
                inside(place, f"ip route get {address}"),
                inside(place, f"ip route del {route.text}"),
            )  # fmt: skip
        if found.unsure:
            return Departure(
                "policy-route", place, "route", "only the usual policy rules",
                f"the rule {found.unsure} may apply", inside(place, "ip rule"),
                certain=False,
            )  # fmt: skip
        return None

    def _route_to(self, place: str, address: str, wanted: str) -> tuple[str, str]:
        """What a missing route is for, in words, and as ``ip route add`` takes it."""
        node = self._cluster.nodes.get(wanted.partition("/")[2])
        owner = self._cluster.owner(address)
        if place.startswith("node/") and owner.startswith("pod/"):
            if node is not None and node.pod_cidr:
                return (
                    f"{node.pod_cidr}, the pods of {node.name}",
                    f"{node.pod_cidr} via {node.internal_ip}",
                )
            here = self._world.networks[place]
            for link in here.links.values():
                if any(port.place == wanted for port in across(self._world, Port(place, link))):
                    return f"{address}, {shown(wanted)}", f"{address} dev {link.name}"
            return f"{address}, {shown(wanted)}", f"{address} dev LINK"
        if wanted == HOST:
            return address, f"default via {self._cluster.contract.host_address}"
        gateway = self._gateway(place, wanted)
        return address, f"default via {gateway}" if gateway else f"{address} dev eth0"

    def _gateway(self, place: str, wanted: str) -> str:
        """The address of a pod's node at its cable to the pod."""
        for link in self._world.networks[place].links.values():
            for port in across(self._world, Port(place, link)):
                if port.place == wanted and port.link.address:
                    return port.link.address
        return ""

    def wrong_neighbour(
        self, place: str, network: Network, link: Link, gateway: str, there: Port
    ) -> Departure | None:
        """A hardware address that isn't that of the next stop."""
        entry = network.neighbours.get((gateway, link.name))
        if entry is None or not entry.mac or entry.mac == there.link.mac:
            return None
        if not there.link.mac or "FAILED" in entry.state:
            return None
        if any(each.mac == entry.mac for each in self._world.networks[there.place].links.values()):
            return None
        return Departure(
            "wrong-neighbour",
            place,
            "neighbour",
            f"{gateway} is at {there.link.mac}, {there.link.name} of {shown(there.place)}",
            f"the neighbour table of {shown(place)} has {entry.mac} for it ({entry.state})",
            inside(place, f"ip neighbour show {gateway}"),
            inside(place, f"ip neighbour del {gateway} dev {link.name}"),
            stays="PERMANENT" in entry.state,
        )

    def twice(self, ports: Sequence[Port], gateway: str, wanted: str) -> Departure | None:
        """Another place in the segment that has the next stop's address as well."""
        for port in ports:
            if port.place == wanted or gateway not in self._world.networks[port.place].addresses:
                continue
            links = self._world.networks[port.place].links.values()
            name = next(
                each.name
                for each in links
                if gateway in (address.partition("/")[0] for address in each.addresses)
            )
            return Departure(
                "extra-address", port.place, "link", f"{gateway} is {shown(wanted)} alone",
                f"{shown(port.place)} has {gateway} as well, on {name}",
                inside(port.place, "ip address"),
                inside(port.place, f"ip address del {gateway} dev {name}"),
            )  # fmt: skip
        return None

    def cut(self, place: str, link: Link, gateway: str, wanted: str) -> Departure:
        """Why nobody answers for an address behind a link."""
        expected = f"{gateway} ({self._called(wanted)}) is behind {link.name}"
        members = self._world.networks[place].links.values()
        near: dict[str, Sequence[Link]] = {
            place: [link, *(each for each in members if each.master == link.name)]
        }
        for at in (wanted, HOST):
            if at in self._world.networks and at != place:
                links = list(self._world.networks[at].links.values())
                near[at] = [each for each in links if each.name != "lo"]
        for at, some in near.items():
            for each in some:
                if not each.up:
                    return _down(at, each)
                if each.hindered:
                    return hindered(at, each)
        if HOST in self._world.networks and (lost := self._lost_port()):
            return lost
        return Departure(
            "nobody-there", place, "link", expected, f"nobody behind {link.name} has {gateway}",
            inside(place, f"ip neighbour show {gateway}"),
            f"Compare `{inside(wanted, 'ip address')}` with what {shown(wanted)} should have."
            if wanted else "",
        )  # fmt: skip

    def _lost_port(self) -> Departure | None:
        """A cable of the host that belongs into its bridge, but isn't there."""
        links = self._world.networks[HOST].links.values()
        bridge = next((each.name for each in links if each.kind == "bridge"), "")
        for each in links:
            if bridge and each.kind == "veth" and not each.master and not each.addresses:
                return Departure(
                    "not-in-the-bridge", HOST, "link", f"{each.name} is a port of {bridge}",
                    f"{each.name} is not a port of {bridge}", inside(HOST, "bridge link"),
                    inside(HOST, f"ip link set {each.name} master {bridge}"),
                )  # fmt: skip
        return None

    def narrow(self, place: str, link: Link, trip: Trip) -> Departure | None:
        """A link that takes smaller packets than the sender's."""
        if not trip.size or link.mtu >= trip.size:
            return None
        sender = shown(self._start if not trip.packet.answer else place)
        who = "Pods" if "pod/" in sender else "Senders"
        return Departure(
            "mtu-too-large",
            place,
            "link",
            f"{link.name} takes packets of {trip.size} bytes, as their sender's link does",
            f"{who} send up to {trip.size} bytes, but {link.name} takes only {link.mtu}",
            inside(place, f"ip link show {link.name}"),
            inside(place, f"ip link set {link.name} mtu {trip.size}"),
        )

    def reverse_path(self, network: Network, link: Link, trip: Trip) -> Departure | None:
        """Whether the place drops a packet since answers would leave by another link."""
        values = [
            network.setting(f"ipv4/conf/{name}/rp_filter", "0") for name in ("all", link.name)
        ]
        strict, loose = max(values) == "1", max(values) == "2"
        if not (strict or loose):
            return None
        back = lookup(network, replace(trip.packet.reversed(), mark=0)).route
        usable = back is not None and back.kind in ("unicast", "local")
        if usable and (loose or back is None or back.kind == "local" or back.link == link.name):
            return None
        way = back.text if back else "none"
        return Departure(
            "reverse-path",
            network.place,
            "setting",
            f"answers to {trip.packet.source} leave by {link.name}",
            f"the route back is {way}, and rp_filter is {max(values)}, so the packet is dropped",
            inside(network.place, f"ip route get {trip.packet.source}"),
            inside(network.place, f"sysctl -w net.ipv4.conf.{link.name}.rp_filter=0"),
        )

    def unseen(self, place: str, trip: Trip) -> PacketWay:
        """The way that ends at a place that was not read."""
        reason = self._world.unseen.get(place, "it was not read")
        node = place.removeprefix("node/")
        if reason == "it is stopped" and place.startswith("node/"):
            return trip.departs(
                Departure(
                    "node-down", place, "program", f"the node {node} runs",
                    f"the node {node} is stopped", "python3 runner.py status",
                    f"python3 runner.py start -e cluster_node={node}", stays=True,
                )
            ).ends(LOST)  # fmt: skip
        return trip.step(place, "not known", f"not looked into: {reason}").ends(UNSEEN)

    def _called(self, place: str) -> str:
        return shown(place) if place else "nobody"

    def squeezed(self, there: Port, trip: Trip) -> Trip:
        """The trip after the interfaces on the way to the next stop."""
        for at, crossed in there.crossed:
            narrow = self.narrow(at, crossed, trip)
            trip = trip.departs(narrow) if narrow is not None else trip
            if "arp" in crossed.hindered:
                trip = trip.departs(hindered(at, crossed))
            if crossed.queue not in _PLAIN_QUEUES:
                trip = trip.departs(_queued(at, crossed))
        return trip


def _down(place: str, link: Link) -> Departure:
    return Departure(
        "link-down", place, "link", f"{link.name} is up", f"{link.name} is down",
        inside(place, f"ip link show {link.name}"), inside(place, f"ip link set {link.name} up"),
    )  # fmt: skip


def _refused(place: str, address: str, rule: str) -> Departure:
    return Departure(
        "policy-rule", place, "route", "only the usual policy rules",
        f"{shown(place)} has the policy rule {rule}, which refuses packets for {address}",
        inside(place, "ip rule"), inside(place, f"ip rule del {rule}"),
    )  # fmt: skip


def hindered(place: str, link: Link) -> Departure:
    """A link that is up, but lets not all packets pass."""
    return Departure(
        "link-hindered", place, "link", f"{link.name} lets all packets pass",
        f"{link.name} does not: {link.hindered}", inside(place, f"ip -d link show {link.name}"),
        inside(place, f"ip link set {link.name} arp on") if "arp" in link.hindered
        else inside(place, f"bridge link set dev {link.name} isolated off locked off state 3"),
    )  # fmt: skip


def _queued(place: str, link: Link) -> Departure:
    where = "ingress" if link.queue == "ingress" else "root"
    return Departure(
        "queue", place, "link", f"{link.name} sends at once",
        f"{link.name} has the queue {link.queue}",
        inside(place, f"tc qdisc show dev {link.name}"),
        inside(place, f"tc qdisc del dev {link.name} {where}"),
    )  # fmt: skip
