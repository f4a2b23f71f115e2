"""Follow a packet through the places that were read, there and back. Pure functions.

At each place what happens is held against what should happen. What can't be known is followed both
ways; a place that was not read ends the way as unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import netfilter, programs
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.cables import Cables
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import (
    inside,
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.matching import Packet, Spot
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.netfilter import (
    Fate,
    Passage,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.routing import (
    Lookup,
    Port,
    across,
    lookup,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    Link,
    Network,
    Route,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.tables import Tables
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.trips import Nat, Trip
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import (
    DROPPED,
    LOST,
    PASSES,
    REFUSED,
    Departure,
    PacketWay,
)

# Any port that a client may have.
_CLIENT_PORT = 40000
# A packet that passes more places than this goes in circles.
_MOST_PLACES = 12


def ways(
    world: World,
    start: str,
    target: tuple[str, str, int],
    *,
    wanted: bool | None = None,
    large: bool = False,
) -> list[PacketWay]:
    """The ways of a connection from a place to an address, and of the answer.

    Args:
        world: the lab.
        start: the place.
        target: protocol, address and port.
        wanted: whether the connection is known to have to come about.
        large: whether packets are as large as the sender's link takes.
    """
    protocol, address, port = target
    port_there = _CLIENT_PORT if protocol != "icmp" else 0
    packet = Packet(protocol, "", port_there, address, port)
    return list(_Walker(world, start).send(start, Trip(packet, wanted, large)))


class _Walker:
    """Follows a connection that begins at ``start``."""

    def __init__(self, world: World, start: str) -> None:
        self._world = world
        self._cluster = world.cluster
        self._start = start
        self._tables = Tables(world)
        self._cables = Cables(world, start)

    # Sending, arriving, leaving: each yields the ways on from there.

    def send(self, place: str, trip: Trip) -> Iterator[PacketWay]:
        """A place sends a packet of its own."""
        network = self._world.networks.get(place)
        if network is None:
            yield self._cables.unseen(place, trip)
            return
        found = lookup(network, trip.packet)
        ended = self._cables.unrouted(place, trip, found)
        if ended is not None:
            yield ended
            return
        short = None if found.local else self._cables.short(place, network)
        if short is not None:
            yield trip.departs(short).ends(LOST)
            return
        assert found.route is not None  # noqa: S101 - else it would have ended
        link = network.links.get(found.route.link)
        packet = trip.packet
        if not packet.source:
            own = found.route.source or (link.address if link else "")
            packet = replace(packet, source=packet.target if found.local else own)
        size = link.mtu if link else 0
        trip = replace(trip, packet=packet, entered=packet, size=size, asked=trip.asked or packet)
        spot = Spot(tuple(network.addresses), outgoing=found.route.link)
        for on, ended in self._hook(place, network, "OUTPUT", trip, spot):
            if ended is not None:
                yield ended
                continue
            moved = (on.packet.target, on.packet.mark) != (packet.target, packet.mark)
            again = lookup(network, on.packet) if moved else found
            stuck = self._cables.unrouted(place, on, again)
            if stuck is not None:
                yield stuck
            elif again.local:
                yield from self._stays(place, network, on)
            else:
                yield from self._leave(place, network, again, on)

    def _stays(self, place: str, network: Network, trip: Trip) -> Iterator[PacketWay]:
        """A packet for the place that sent it."""
        spot = Spot(tuple(network.addresses), outgoing="lo")
        for on, ended in self._hook(place, network, "POSTROUTING", trip, spot):
            if ended is not None:
                yield ended
            else:
                yield from self._deliver(place, network, "lo", self._untranslated(place, on))

    def _arrive(self, port: Port, trip: Trip) -> Iterator[PacketWay]:
        """A packet comes in by an interface."""
        place, link = port.place, port.link
        network = self._world.networks[place]
        if trip.seen >= _MOST_PLACES:
            yield trip.departs(
                Departure("loop", place, "route", "the packet arrives", "it goes in circles")
            ).ends(LOST)
            return
        trip = replace(trip, seen=trip.seen + 1, entered=trip.packet)
        spot = Spot(tuple(network.addresses), incoming=link.name)
        for passed, ended in self._hook(place, network, "PREROUTING", trip, spot):
            if ended is not None:
                yield ended
                continue
            on = self._untranslated(place, passed)
            blocked = self._cables.reverse_path(network, link, on)
            if blocked is not None:
                yield on.departs(blocked).ends(DROPPED)
                continue
            found = lookup(network, on.packet, link.name)
            stuck = self._cables.unrouted(place, on, found)
            if stuck is not None:
                yield stuck
            elif found.local:
                yield from self._deliver(place, network, link.name, on)
            else:
                yield from self._forward(place, network, link, found, on)

    def _forward(
        self, place: str, network: Network, link: Link, found: Lookup, trip: Trip
    ) -> Iterator[PacketWay]:
        own = network.setting(f"ipv4/conf/{link.name}/forwarding")
        if "0" in (own, network.setting("ipv4/ip_forward")) and own != "1":
            name = (
                f"net.ipv4.conf.{link.name}.forwarding"
                if network.setting("ipv4/ip_forward") == "1"
                else "net.ipv4.ip_forward"
            )
            departure = Departure(
                "forwarding-off",
                place,
                "setting",
                f"{name} is 1",
                f"{name} is 0, so the node forwards nothing",
                inside(place, f"sysctl {name}"),
                inside(place, f"sysctl -w {name}=1"),
            )
            yield trip.departs(departure).ends(DROPPED)
            return
        route = found.route
        spot = Spot(tuple(network.addresses), link.name, route.link if route else "")
        for on, ended in self._hook(place, network, "FORWARD", trip, spot):
            if ended is not None:
                yield ended
            else:
                yield from self._leave(place, network, found, on)

    def _leave(
        self, place: str, network: Network, found: Lookup, trip: Trip
    ) -> Iterator[PacketWay]:
        """A packet goes out by the interface of its route."""
        assert found.route is not None  # noqa: S101 - it would have ended
        out = found.route.link
        spot = Spot(tuple(network.addresses), outgoing=out)
        for on, ended in self._hook(place, network, "POSTROUTING", trip, spot):
            if ended is not None:
                yield ended
                continue
            passed = self._noted(place, _restored(on))
            if passed.size > found.route.mtu > 0:
                passed = passed.departs(_narrow(place, found.route, passed))
                if passed.large:
                    yield passed.ends(LOST)
                    continue
            gateway = found.route.via or passed.packet.target
            yield from self._cross(place, network, out, gateway, passed)

    def _cross(
        self, place: str, network: Network, out: str, gateway: str, trip: Trip
    ) -> Iterator[PacketWay]:
        """A packet goes over a cable to the interface that has the next address."""
        link = network.links.get(out)
        if link is None:
            yield self._cables.unseen(place, trip)
            return
        wanted = self._cables.next_place(place, trip.packet.target)
        ports = list(across(self._world, Port(place, link)))
        there = next(
            (each for each in ports if gateway in self._world.networks[each.place].addresses), None
        )
        if there is None:
            if wanted and wanted not in self._world.networks:
                yield self._cables.unseen(wanted, trip)
            else:
                yield trip.departs(self._cables.cut(place, link, gateway, wanted or "")).ends(LOST)
            return
        owner = self._cluster.owner(gateway)
        twice = self._cables.twice(ports, gateway, owner) if owner else None
        if twice is not None:
            yield trip.departs(twice).ends(LOST)
            return
        wrong = (
            self._cables.wrong_neighbour(place, network, link, gateway, there)
            or self._cables.deaf(network, link, gateway, there)
            or self._cables.misdirected(there)
        )
        if wrong is not None:
            yield trip.departs(wrong).ends(LOST)
            return
        trip = self._cables.squeezed(there, trip)
        if trip.large and trip.departures and trip.departures[-1].id == "mtu-too-large":
            yield trip.ends(LOST)
            return
        expected = f"on to {shown(wanted)}" if wanted else "not known"
        trip = trip.step(
            place, expected, f"by {out} to {gateway}, {shown(there.place)} ({trip.packet})"
        )
        if wanted is not None and there.place != wanted:
            trip = trip.departs(
                Departure(
                    "wrong-route",
                    place,
                    "route",
                    f"packets for {trip.packet.target} go to {shown(wanted)}",
                    f"{shown(place)} sends them by {out} to {gateway}, {shown(there.place)}",
                    inside(place, f"ip route get {trip.packet.target}"),
                    f"Compare `{inside(place, 'ip route')}` with the other nodes' routes.",
                )
            )
        bridge = next(
            (each for each in there.crossed if each[1].kind == "bridge" and each[0] != there.place),
            None,
        )
        if bridge is None:
            yield from self._arrive(there, trip)
        else:
            yield from self._bridged(*bridge, there, trip)

    def _bridged(self, place: str, link: Link, there: Port, trip: Trip) -> Iterator[PacketWay]:
        """A packet passes a bridge; by default netfilter sees it there too (ip-sysctl.rst)."""
        network = self._world.networks[place]
        trips = [replace(trip, entered=trip.packet)]
        if network.setting("bridge/bridge-nf-call-iptables") == "1":
            spot = Spot(tuple(network.addresses), link.name, link.name)
            for hook in ("PREROUTING", "FORWARD", "POSTROUTING"):
                passed = [
                    each for on in trips for each in self._hook(place, network, hook, on, spot)
                ]
                yield from (ended for _, ended in passed if ended is not None)
                trips = [on for on, ended in passed if ended is None]
        for on in trips:
            yield from self._arrive(there, on)

    def _deliver(
        self, place: str, network: Network, incoming: str, trip: Trip
    ) -> Iterator[PacketWay]:
        """A packet is for the place where it is."""
        spot = Spot(tuple(network.addresses), incoming=incoming)
        for on, ended in self._hook(place, network, "INPUT", trip, spot):
            if ended is not None:
                yield ended
            elif on.packet.answer:
                yield self._answered(place, _restored(on))
            else:
                yield from self._served(place, network, self._noted(place, on))

    def _served(self, place: str, network: Network, trip: Trip) -> Iterator[PacketWay]:
        """A request has come to the place that serves it; its answer goes back."""
        packet = trip.packet
        if packet.protocol != "icmp":
            listening = [
                each
                for each in network.listeners
                if (each.protocol, each.port) == (packet.protocol, packet.target_port)
                and each.takes(packet.target)
            ]
            pod = place.startswith("pod/")
            should = "a program listens" if pod or trip.wanted else "no program has to listen"
            if not listening:
                if pod or trip.wanted:
                    yield trip.departs(
                        programs.nothing_listens(self._world, place, packet, trip.service)
                    ).ends(REFUSED)
                else:
                    said = f"nothing listens on port {packet.target_port}"
                    yield trip.step(place, should, said).ends(REFUSED)
                return
            stopped = programs.stopped(place, self._cluster, listening, packet)
            if stopped is not None:
                yield trip.departs(stopped).ends(LOST)
                return
            held = sorted({holder[1] for each in listening for holder in each.holders})
            by = f", held by {', '.join(held)}" if held else ""
            trip = trip.step(place, should, f"port {packet.target_port} listens{by}")
            other = programs.other_page(self._world, place, packet)
            trip = trip.departs(other) if other is not None else trip
        elif network.setting("ipv4/icmp_echo_ignore_all") == "1":
            name = "net.ipv4.icmp_echo_ignore_all"
            departure = Departure(
                "ping-ignored", place, "setting", f"{name} is 0", f"{name} is 1",
                inside(place, f"sysctl {name}"), inside(place, f"sysctl -w {name}=0"),
            )  # fmt: skip
            yield trip.departs(departure).ends(LOST)
            return
        yield from self.send(place, replace(trip, packet=packet.reversed(), seen=0))

    def _answered(self, place: str, trip: Trip) -> PacketWay:
        """An answer has come to the place that asked."""
        asked = trip.asked
        assert asked is not None  # noqa: S101 - it was sent
        came, wanted = trip.packet, asked.reversed()
        if place == self._start and (came.source, came.source_port) != (
            wanted.source,
            wanted.source_port,
        ):
            return trip.departs(
                Departure(
                    "answer-from-elsewhere",
                    place,
                    "translation",
                    f"the answer comes from {wanted.source}:{wanted.source_port}",
                    f"it comes from {came.source}:{came.source_port}, so it is not taken",
                    inside(place, "conntrack -L"),
                )
            ).ends(LOST)
        return trip.step(place, "the answer arrives", f"the answer arrives ({came})").ends(PASSES)

    # Netfilter.

    def _hook(
        self, place: str, network: Network, hook: str, trip: Trip, spot: Spot
    ) -> Iterator[tuple[Trip, PacketWay | None]]:
        """The trips on through a hook; with each, the way if it ended there."""
        courses = netfilter.through(network, hook, trip.packet, spot)
        first = hook in ("PREROUTING", "OUTPUT") and not trip.packet.answer
        node = place.removeprefix("node/") if place.startswith("node/") else ""
        wanted = (
            self._cluster.translation(
                node,
                trip.packet.source,
                trip.packet.target,
                trip.packet.target_port,
                trip.packet.protocol,
            )
            if first and node and trip.service is None
            else None
        )
        left_out = self._tables.left_out(place, wanted, courses)
        for course in courses:
            on = replace(trip, packet=course.packet, share=trip.share * course.chance)
            if wanted is not None:
                on = replace(on, service=wanted)
            if course.verdict is not Fate.ACCEPT:
                yield on, self._refusal(place, on, course)
                continue
            if first:
                on = self._tables.translated(place, trip, on, course, wanted)
                if left_out is not None and not on.departures:
                    on = on.departs(left_out)
            elif hook == "POSTROUTING" and not course.packet.answer:
                on = self._tables.masqueraded(network, trip, on, course, spot.outgoing)
            marker = next((each.rule for each in course.hits if netfilter.marks(each.rule)), None)
            on = replace(on, marker=marker or on.marker)
            if on.packet.target == netfilter.REDIRECTED:
                own = "127.0.0.1" if hook == "OUTPUT" else next(iter(network.addresses), "")
                on = replace(on, packet=replace(on.packet, target=own))
            yield on, None

    def _refusal(self, place: str, trip: Trip, course: Passage) -> PacketWay:
        """The way that ends at a rule."""
        hit = course.hits[-1]
        verdict = course.verdict
        end = REFUSED if verdict is Fate.REJECT else DROPPED
        wanted = trip.service
        refuses = wanted is not None and not wanted.backends
        if refuses and wanted is not None and verdict in (Fate.REJECT, Fate.DROP):
            said = f"no endpoint of {wanted.service.info.name} serves here: {wanted.otherwise}"
            return trip.step(place, said, f"{verdict.value}: {hit.rule.text}").ends(end)
        led = wanted is None or trip.packet.target in {each.address for each in wanted.backends}
        if wanted is not None and not led and not netfilter.is_foreign(hit.rule):
            # kube-proxy refuses what its own rules should have led elsewhere.
            if trip.departures:
                return trip.step(place, "not known", f"{verdict.value}: {hit.rule.text}").ends(end)
            return trip.departs(self._tables.unled(place, trip.packet, wanted, hit)).ends(end)
        return trip.departs(self._tables.refusing(place, trip, course, hit)).ends(end)

    def _noted(self, place: str, trip: Trip) -> Trip:
        """The trip, with what this place has made of its first packet."""
        entered = trip.entered
        if trip.packet.answer or entered is None:
            return trip
        plain = replace(entered, mark=0)
        after = replace(trip.packet, mark=0)
        if plain == after:
            return replace(trip, packet=after)
        return replace(trip, packet=after, nats=(*trip.nats, Nat(place, plain, after)))

    def _untranslated(self, place: str, trip: Trip) -> Trip:
        """An answer, with its target as it was before this place changed the request."""
        if not trip.packet.answer:
            return trip
        for nat in trip.nats:
            if nat.place == place and replace(trip.packet, mark=0) == nat.after.reversed():
                back = nat.before.reversed()
                packet = replace(trip.packet, target=back.target, target_port=back.target_port)
                return replace(trip, packet=packet, back=back)
        return trip


def _narrow(place: str, route: Route, trip: Trip) -> Departure:
    """A route that takes smaller packets than the sender's link."""
    return Departure(
        "mtu-too-large", place, "link", f"packets of {trip.size} bytes pass",
        f"the route {route.text} of {shown(place)} takes only {route.mtu} bytes",
        inside(place, f"ip route get {trip.packet.target}"),
        inside(place, f"ip route replace {route.text.removesuffix(f' mtu {route.mtu}')}"),
    )  # fmt: skip


def _restored(trip: Trip) -> Trip:
    """An answer, with its source as it was before this place changed the request."""
    if trip.back is None:
        return trip
    source, port = trip.back.source, trip.back.source_port
    packet = replace(trip.packet, source=source, source_port=port)
    return replace(trip, packet=packet, back=None)
