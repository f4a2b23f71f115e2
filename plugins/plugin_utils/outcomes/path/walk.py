"""Follow a packet through the places that were read, there and back. Pure functions.

At each place what happens is held against what should happen. What can't be known is followed both
ways; a place that was not read ends the way as unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import netfilter, programs
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import (
    deleting,
    inside,
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.matching import Packet, Spot
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.netfilter import (
    Course,
    Hit,
    Verdict,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.routing import (
    Lookup,
    Port,
    across,
    lookup,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    HOST,
    Link,
    Network,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import Translation
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import (
    DROPPED,
    LOST,
    NO_ROUTE,
    PASSES,
    REFUSED,
    UNSEEN,
    Departure,
    Step,
    Way,
)

# Any port that a client may have.
_CLIENT_PORT = 40000
# A packet that passes more places than this goes in circles.
_MOST_PLACES = 12
_PLAIN_QUEUES = frozenset({"", "noqueue", "noop", "pfifo", "pfifo_fast", "fq", "fq_codel", "mq"})


@dataclass(frozen=True)
class _Nat:
    """What a place made of a connection's first packet."""

    place: str
    before: Packet
    after: Packet


@dataclass(frozen=True)
class Trip:
    """A packet on its way.

    Args:
        packet: as it is now.
        wanted: whether the packet is known to have to pass (or not); None if that isn't known.
        large: whether it is as large as its sender's link takes.
        asked: the request, once it was sent.
        entered: the packet as it came to the place where it is.
        steps, departures, share: as in a Way.
        nats: the translations so far.
        size: the size of the largest packet that its sender's link takes, in bytes.
        service: what should be done with it where it comes first, once that is known.
        unsent: the address that answers have as their source until they leave the place.
        seen: how many places it has been at.
    """

    packet: Packet
    wanted: bool | None = None
    large: bool = False
    asked: Packet | None = None
    entered: Packet | None = None
    steps: tuple[Step, ...] = ()
    departures: tuple[Departure, ...] = ()
    share: float = 1.0
    nats: tuple[_Nat, ...] = ()
    size: int = 0
    service: Translation | None = None
    back: Packet | None = None
    seen: int = 0

    def step(self, place: str, expected: str, actual: str) -> Trip:
        """The trip after a step that is as expected."""
        return replace(self, steps=(*self.steps, Step(shown(place), expected, actual)))

    def departs(self, departure: Departure) -> Trip:
        """The trip after a departure."""
        step = Step(shown(departure.place), departure.expected, departure.actual, departs=True)
        return replace(self, steps=(*self.steps, step), departures=(*self.departures, departure))

    def ends(self, end: str) -> Way:
        """The way that ends here."""
        return Way(self.steps, end, self.departures, self.share)


def ways(
    world: World,
    start: str,
    target: tuple[str, str, int],
    *,
    wanted: bool | None = None,
    large: bool = False,
) -> list[Way]:
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

    # Sending, arriving, leaving: each yields the ways on from there.

    def send(self, place: str, trip: Trip) -> Iterator[Way]:
        """A place sends a packet of its own."""
        network = self._world.networks.get(place)
        if network is None:
            yield self._unseen(place, trip)
            return
        found = lookup(network, trip.packet)
        ended = self._unrouted(place, trip, found)
        if ended is not None:
            yield ended
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
            stuck = self._unrouted(place, on, again)
            if stuck is not None:
                yield stuck
            elif again.local:
                yield from self._stays(place, network, on)
            else:
                yield from self._leave(place, network, again, on)

    def _stays(self, place: str, network: Network, trip: Trip) -> Iterator[Way]:
        """A packet for the place that sent it."""
        spot = Spot(tuple(network.addresses), outgoing="lo")
        for on, ended in self._hook(place, network, "POSTROUTING", trip, spot):
            if ended is not None:
                yield ended
            else:
                yield from self._deliver(place, network, "lo", on)

    def _arrive(self, port: Port, trip: Trip) -> Iterator[Way]:
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
            blocked = self._reverse_path(network, link, on)
            if blocked is not None:
                yield on.departs(blocked).ends(DROPPED)
                continue
            found = lookup(network, on.packet)
            stuck = self._unrouted(place, on, found)
            if stuck is not None:
                yield stuck
            elif found.local:
                yield from self._deliver(place, network, link.name, on)
            else:
                yield from self._forward(place, network, link, found, on)

    def _forward(
        self, place: str, network: Network, link: Link, found: Lookup, trip: Trip
    ) -> Iterator[Way]:
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

    def _leave(self, place: str, network: Network, found: Lookup, trip: Trip) -> Iterator[Way]:
        """A packet goes out by the interface of its route."""
        assert found.route is not None  # noqa: S101 - it would have ended
        out = found.route.link
        spot = Spot(tuple(network.addresses), outgoing=out)
        for on, ended in self._hook(place, network, "POSTROUTING", trip, spot):
            if ended is not None:
                yield ended
                continue
            passed = self._noted(place, _restored(on))
            gateway = found.route.via or passed.packet.target
            yield from self._cross(place, network, out, gateway, passed)

    def _cross(
        self, place: str, network: Network, out: str, gateway: str, trip: Trip
    ) -> Iterator[Way]:
        """A packet goes over a cable to the interface that has the next address."""
        link = network.links.get(out)
        if link is None:
            yield self._unseen(place, trip)
            return
        wanted = self.next_place(place, trip.packet.target)
        ports = list(across(self._world, Port(place, link)))
        there = next(
            (each for each in ports if gateway in self._world.networks[each.place].addresses), None
        )
        if there is None:
            if wanted and wanted not in self._world.networks:
                yield self._unseen(wanted, trip)
            else:
                yield trip.departs(self._cut(place, link, gateway, wanted or "")).ends(LOST)
            return
        wrong = self._wrong_neighbour(place, network, link, gateway, there)
        if wrong is not None:
            yield trip.departs(wrong).ends(LOST)
            return
        trip = self._squeezed(there, trip)
        if trip.large and trip.departures and trip.departures[-1].id == "mtu-too-large":
            yield trip.ends(LOST)
            return
        expected = f"on to {self._called(wanted)}" if wanted else "not known"
        trip = trip.step(
            place, expected, f"by {out} to {gateway}, {shown(there.place)} ({trip.packet})"
        )
        if wanted is not None and there.place != wanted:
            trip = trip.departs(
                Departure(
                    "wrong-route",
                    place,
                    "route",
                    f"packets for {trip.packet.target} go to {self._called(wanted)}",
                    f"they go by {out} to {gateway}, which is {shown(there.place)}",
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

    def _squeezed(self, there: Port, trip: Trip) -> Trip:
        """The trip after the interfaces on the way to the next stop."""
        for at, crossed in there.crossed:
            narrow = self._narrow(at, crossed, trip)
            trip = trip.departs(narrow) if narrow is not None else trip
            if crossed.queue not in _PLAIN_QUEUES:
                trip = trip.departs(_queued(at, crossed))
        return trip

    def _bridged(self, place: str, link: Link, there: Port, trip: Trip) -> Iterator[Way]:
        """A packet passes a bridge; by default netfilter sees it there too (ip-sysctl.rst)."""
        network = self._world.networks[place]
        trips = [trip]
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

    def _deliver(self, place: str, network: Network, incoming: str, trip: Trip) -> Iterator[Way]:
        """A packet is for the place where it is."""
        spot = Spot(tuple(network.addresses), incoming=incoming)
        for on, ended in self._hook(place, network, "INPUT", trip, spot):
            if ended is not None:
                yield ended
            elif on.packet.answer:
                yield self._answered(place, _restored(on))
            else:
                yield from self._served(place, network, self._noted(place, on))

    def _served(self, place: str, network: Network, trip: Trip) -> Iterator[Way]:
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
        elif network.setting("ipv4/icmp_echo_ignore_all") == "1":
            name = "net.ipv4.icmp_echo_ignore_all"
            departure = Departure(
                "ping-ignored", place, "setting", f"{name} is 0", f"{name} is 1",
                inside(place, f"sysctl {name}"), inside(place, f"sysctl -w {name}=0"),
            )  # fmt: skip
            yield trip.departs(departure).ends(LOST)
            return
        yield from self.send(place, replace(trip, packet=packet.reversed(), seen=0))

    def _answered(self, place: str, trip: Trip) -> Way:
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
    ) -> Iterator[tuple[Trip, Way | None]]:
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
        left_out = self._left_out(place, wanted, courses)
        for course in courses:
            on = replace(trip, packet=course.packet, share=trip.share * course.chance)
            if wanted is not None:
                on = replace(on, service=wanted)
            if course.verdict is not Verdict.ACCEPT:
                yield on, self._refusal(place, on, course)
                continue
            if first:
                on = self._translated(place, trip, on, course, wanted)
                if left_out is not None and not on.departures:
                    on = on.departs(left_out)
            elif hook == "POSTROUTING" and not course.packet.answer:
                on = self._masqueraded(network, trip, on, course, spot.outgoing)
            if on.packet.target == netfilter.REDIRECTED:
                own = "127.0.0.1" if hook == "OUTPUT" else next(iter(network.addresses), "")
                on = replace(on, packet=replace(on.packet, target=own))
            yield on, None

    def _refusal(self, place: str, trip: Trip, course: Course) -> Way:
        """The way that ends at a rule."""
        hit = course.hits[-1]
        verdict = course.verdict
        end = REFUSED if verdict is Verdict.REJECT else DROPPED
        wanted = trip.service
        refuses = wanted is not None and not wanted.backends
        if refuses and wanted is not None and verdict in (Verdict.REJECT, Verdict.DROP):
            said = f"no endpoint of {wanted.service.info.name} serves here: {wanted.otherwise}"
            return trip.step(place, said, f"{verdict.value}: {hit.rule.text}").ends(end)
        return trip.departs(self._refusing(place, trip, course, hit)).ends(end)

    def _refusing(self, place: str, trip: Trip, course: Course, hit: Hit) -> Departure:
        """What to say about a rule that should not end the packet's way."""
        rule = hit.rule
        does = {Verdict.DROP: "drops", Verdict.REJECT: "rejects"}.get(course.verdict, "takes away")
        packets = "packets" if rule.chain == "INPUT" else "packets that it sends" if (
            rule.chain == "OUTPUT") else "forwarded packets"  # fmt: skip
        where = f"the chain {rule.chain} of the table {rule.table}"
        if hit.policy:
            actual = f"it {does} {packets} that no rule accepts: the policy of {where} is DROP"
        else:
            share = "" if course.chance > 1 - 1e-9 else f" {course.chance:.0%} of"
            may = "" if course.certain else " may, as far as its conditions can be judged, and then"
            actual = f"a rule of the table {rule.table}{may} {does}{share} {packets}: {rule.text}"
        return Departure(
            "policy-drops",
            place,
            "filter",
            f"{trip.packet} is let through",
            actual,
            inside(place, f"iptables-save -c -t {rule.table}"),
            deleting(place, rule),
            course.certain,
        )

    def _left_out(
        self, place: str, wanted: Translation | None, courses: Sequence[Course]
    ) -> Departure | None:
        """An endpoint that should get a share of a service's packets, but can't get any."""
        if wanted is None or not wanted.backends:
            return None
        reached = {(each.packet.target, each.packet.target_port) for each in courses if each.chance}
        missing = [each for each in wanted.backends if (each.address, each.port) not in reached]
        if not missing or len(missing) == len(wanted.backends):
            return None
        names = ", ".join(f"{self._cluster.named(each.address)} ({each})" for each in missing)
        return programs.rules_differ(
            self._world,
            place,
            wanted,
            expected=f"the endpoints of {wanted.service.info.name} all get a share",
            actual=f"no packet is led to {names}",
        )

    def _translated(
        self, place: str, before: Trip, trip: Trip, course: Course, wanted: Translation | None
    ) -> Trip:
        """The trip after the translation of its target, which should be the wanted one."""
        packet, old = trip.packet, before.packet
        asked, got = (f"{each.target}:{each.target_port}" for each in (old, packet))
        if wanted is None:
            if asked == got:
                return trip
            return trip.departs(self._foreign(place, old, course, "no other target"))
        name = wanted.service.info.name
        goals = [str(each) for each in wanted.backends]
        should = f"{asked} ({name}) becomes {' or '.join(goals)}"
        if not goals:
            if asked == got:
                return trip
            should = f"no endpoint of {name} serves here: {wanted.otherwise}"
        elif got in goals:
            return trip.step(place, should, f"{asked} becomes {got}")
        if asked != got and any(netfilter.is_foreign(hit.rule) for hit in course.hits):
            return trip.departs(self._foreign(place, old, course, should))
        said = f"no rule leads {asked} anywhere" if asked == got else f"{asked} becomes {got}"
        return trip.departs(self._differ(place, wanted, should, said))

    def _differ(self, place: str, wanted: Translation, should: str, said: str) -> Departure:
        return programs.rules_differ(self._world, place, wanted, expected=should, actual=said)

    def _masqueraded(
        self, network: Network, before: Trip, trip: Trip, course: Course, out: str
    ) -> Trip:
        """The trip after the translation of its source, which should be the wanted one."""
        place, old, packet = network.place, before.packet, trip.packet
        if packet.source == netfilter.MASQUERADED:
            own = network.links[out].address if out in network.links else ""
            packet = replace(packet, source=own or next(iter(network.addresses), ""))
            trip = replace(trip, packet=packet)
        here = trip.entered is not None and trip.entered.target != packet.target
        wanted = trip.service if here else None
        hairpin = wanted is not None and packet.target == old.source
        should = wanted is not None and (wanted.masquerades or hairpin)
        did = any(netfilter.target(hit.rule) in ("SNAT", "MASQUERADE") for hit in course.hits)
        if packet.source != old.source and not should:
            own_address = f"{self._called_at(packet.target)} sees {old.source} as its client"
            return trip.departs(self._foreign(place, old, course, own_address, packet.source))
        if should and not did and wanted is not None:
            name = wanted.service.info.name
            return trip.departs(
                programs.rules_differ(
                    self._world,
                    place,
                    wanted,
                    expected=f"packets for {name} leave with an address of {shown(place)}",
                    actual=f"they leave with their client's address, {old.source}: nothing"
                    " masquerades them",
                    kind="masquerade-missing",
                )
            )
        if did:
            return trip.step(
                place, "the client's address becomes the node's", f"it becomes {packet.source}"
            )
        return trip

    def _foreign(
        self, place: str, old: Packet, course: Course, expected: str, became: str = ""
    ) -> Departure:
        """A rule that translates what it should not."""
        hits = [hit for hit in course.hits if netfilter.target(hit.rule) in netfilter.TRANSLATING]
        hit = hits[-1] if hits else course.hits[-1]
        may = "" if course.certain else "may "
        into = became or f"{course.packet.target}:{course.packet.target_port}"
        return Departure(
            "foreign-translation",
            place,
            "translation",
            f"{old}: {expected}",
            f"a rule {may}changes it to {into}: {hit.rule.text}",
            inside(place, f"iptables-save -c -t {hit.rule.table}"),
            deleting(place, hit.rule),
            course.certain,
        )

    def _noted(self, place: str, trip: Trip) -> Trip:
        """The trip, with what this place has made of its first packet."""
        entered = trip.entered
        if trip.packet.answer or entered is None:
            return trip
        plain = replace(entered, mark=0)
        after = replace(trip.packet, mark=0)
        if plain == after:
            return replace(trip, packet=after)
        return replace(trip, packet=after, nats=(*trip.nats, _Nat(place, plain, after)))

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

    # Routes, neighbours and cables.

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

    def _unrouted(self, place: str, trip: Trip, found: Lookup) -> Way | None:
        """The way that ends since there is no route; None if it goes on."""
        address = trip.packet.target
        wanted = self.next_place(place, address)
        there = found.route
        text = there.text if there else "none"
        shows = inside(place, f"ip route get {address}")
        if found.leads_on or found.local:
            if wanted == "" and there is not None:
                trip = trip.departs(
                    Departure(
                        "extra-route", place, "route", f"no route to {address}", text, shows,
                        inside(place, f"ip route del {there.text}"),
                    )
                )  # fmt: skip
                # It is known what is wrong; where the packet then goes is of no interest.
                return trip.ends(PASSES)
            if found.unsure:
                return trip.departs(
                    Departure(
                        "policy-route", place, "route", "only the usual policy rules",
                        f"the rule {found.unsure} may apply", inside(place, "ip rule"),
                        certain=False,
                    )
                ).ends(LOST)  # fmt: skip
            if not (wanted and wanted != HOST and place.startswith("node/") and found.by_default):
                return None
        if wanted == "":
            return trip.step(place, f"no route to {address}", "no route").ends(NO_ROUTE)
        if wanted is None:
            return trip.step(place, "not known", f"no route to {address}").ends(NO_ROUTE)
        should, way = self._route_to(place, address, wanted)
        if there is None or found.leads_on:
            actual = f"{shown(place)} has no route to {should}"
            fix = inside(place, f"ip route add {way}")
            kind = "no-route"
        else:
            actual = f"the route {text} refuses it"
            fix = inside(place, f"ip route del {text}")
            kind = "blackhole-route"
            if not any(
                route.kind == "unicast" and route.to.partition("/")[0] in way
                for route in self._world.networks[place].routes
            ):
                fix += f"; then {inside(place, f'ip route add {way}')}"
        expected = f"a route to {address} by way of {self._called(wanted)}"
        return trip.departs(Departure(kind, place, "route", expected, actual, shows, fix)).ends(
            NO_ROUTE
        )

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

    def _wrong_neighbour(
        self, place: str, network: Network, link: Link, gateway: str, there: Port
    ) -> Departure | None:
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
        )

    def _cut(self, place: str, link: Link, gateway: str, wanted: str) -> Departure:
        """Why nobody answers for an address behind a link."""
        expected = f"{gateway} ({self._called(wanted)}) is behind {link.name}"
        near: dict[str, Sequence[Link]] = {place: [link]}
        for at in (wanted, HOST):
            if at in self._world.networks and at != place:
                links = list(self._world.networks[at].links.values())
                near[at] = [each for each in links if each.name != "lo"]
        for at, some in near.items():
            for each in some:
                if not each.up:
                    return Departure(
                        "link-down", at, "link", f"{each.name} is up", f"{each.name} is down",
                        inside(at, f"ip link show {each.name}"),
                        inside(at, f"ip link set {each.name} up"),
                    )  # fmt: skip
        return Departure(
            "nobody-there", place, "link", expected, f"nobody behind {link.name} has {gateway}",
            inside(place, f"ip neighbour show {gateway}"),
            f"Compare `{inside(wanted, 'ip address')}` with what {shown(wanted)} should have."
            if wanted else "",
        )  # fmt: skip

    def _narrow(self, place: str, link: Link, trip: Trip) -> Departure | None:
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

    def _reverse_path(self, network: Network, link: Link, trip: Trip) -> Departure | None:
        """Whether the place drops a packet since answers would leave by another link."""
        values = [
            network.setting(f"ipv4/conf/{name}/rp_filter", "0") for name in ("all", link.name)
        ]
        strict, loose = max(values) == "1", max(values) == "2"
        if not (strict or loose):
            return None
        back = lookup(network, replace(trip.packet.reversed(), mark=0)).route
        usable = back is not None and back.kind in ("unicast", "local")
        if usable and (loose or back is None or back.link in (link.name, "lo")):
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

    # Words.

    def _unseen(self, place: str, trip: Trip) -> Way:
        reason = self._world.unseen.get(place, "it was not read")
        node = place.removeprefix("node/")
        if reason == "it is stopped" and place.startswith("node/"):
            return trip.departs(
                Departure(
                    "node-down", place, "program", f"the node {node} runs",
                    f"the node {node} is stopped", "python3 runner.py status",
                    f"python3 runner.py start -e cluster_node={node}",
                )
            ).ends(LOST)  # fmt: skip
        return trip.step(place, "not known", f"not looked into: {reason}").ends(UNSEEN)

    def _called(self, place: str) -> str:
        return shown(place) if place else "nobody"

    def _called_at(self, address: str) -> str:
        return self._cluster.named(address)


def _restored(trip: Trip) -> Trip:
    """An answer, with its source as it was before this place changed the request."""
    if trip.back is None:
        return trip
    source, port = trip.back.source, trip.back.source_port
    packet = replace(trip.packet, source=source, source_port=port)
    return replace(trip, packet=packet, back=None)


def _queued(place: str, link: Link) -> Departure:
    return Departure(
        "queue", place, "link", f"{link.name} sends at once", f"its queue is {link.queue}",
        inside(place, f"tc qdisc show dev {link.name}"),
        inside(place, f"tc qdisc del dev {link.name} root"),
    )  # fmt: skip
