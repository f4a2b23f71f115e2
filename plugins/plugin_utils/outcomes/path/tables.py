"""What netfilter should do with a packet at a place, held against what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import netfilter, programs
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import (
    deleting,
    kubectl,
    listing,
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.matching import Packet
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.netfilter import (
    Fate,
    Hit,
    Passage,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    Network,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.trips import Trip
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import (
    Service,
    Translation,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import (
    Departure,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.iptables import Rule


class Tables:
    """Judges what the rules of places do with packets."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cluster = world.cluster

    def refusing(self, place: str, trip: Trip, course: Passage, hit: Hit) -> Departure:
        """What to say about a rule that should not end the packet's way."""
        rule = hit.rule
        does = {Fate.DROP: "drops", Fate.REJECT: "rejects"}.get(course.verdict, "takes away")
        packets = "packets" if rule.chain == "INPUT" else "packets that it sends" if (
            rule.chain == "OUTPUT") else "forwarded packets"  # fmt: skip
        where = f"the chain {rule.chain} of the table {rule.home}"
        if hit.policy:
            actual = f"it {does} {packets} that no rule accepts: the policy of {where} is DROP"
        else:
            share = "" if course.chance > 1 - 1e-9 else f" {course.chance:.0%} of"
            may = "" if course.certain else " (if it matches, which can't be said)"
            actual = f"a rule of the table {rule.home} {does}{share} {packets}{may}: {rule.text}"
        return Departure(
            "policy-drops",
            place,
            "filter",
            f"{trip.packet} is let through",
            actual,
            listing(place, rule),
            deleting(place, rule),
            course.certain,
            hit.policy or netfilter.is_foreign(rule),
        )

    def left_out(
        self, place: str, wanted: Translation | None, courses: Sequence[Passage]
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

    def translated(
        self, place: str, before: Trip, trip: Trip, course: Passage, wanted: Translation | None
    ) -> Trip:
        """The trip after the translation of its target, which should be the wanted one."""
        packet, old = trip.packet, before.packet
        asked, got = (f"{each.target}:{each.target_port}" for each in (old, packet))
        if wanted is None:
            return self._left_alone(place, old, trip, course)
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
        return trip.departs(self._differ(place, wanted, course, should, said))

    def unled(self, place: str, packet: Packet, wanted: Translation, hit: Hit) -> Departure:
        """What to say about a packet for a service that kube-proxy's own rules refuse."""
        asked = f"{packet.target}:{packet.target_port}"
        goals = " or ".join(map(str, wanted.backends))
        should = f"{asked} ({wanted.service.info.name}) becomes {goals}"
        said = f"a rule refuses it: {hit.rule.text}"
        return programs.rules_differ(self._world, place, wanted, expected=should, actual=said)

    def _left_alone(self, place: str, old: Packet, trip: Trip, course: Passage) -> Trip:
        """The trip of a packet for no service, which should keep its target."""
        asked, got = (f"{each.target}:{each.target_port}" for each in (old, trip.packet))
        node = place.removeprefix("node/")
        own = self._cluster.behind_host_port(node, old.target_port, old.protocol)
        if asked == got or got in own:
            return trip
        if (service := self._claims(old.target)) is not None:
            return trip.departs(self._claimed(place, service, old, got))
        return trip.departs(self._foreign(place, old, course, "no other target"))

    def _claims(self, address: str) -> Service | None:
        """The service whose externalIPs has an address."""
        for service in self._cluster.services.values():
            if address in ((service.item.get("spec") or {}).get("externalIPs") or []):
                return service
        return None

    def _claimed(self, place: str, service: Service, old: Packet, got: str) -> Departure:
        name = service.info.name
        return Departure(
            "address-taken", place, "translation",
            f"packets for {old.target} come to {self._cluster.named(old.target)}",
            f"the service {name} has {old.target} in its externalIPs, so they go to {got}",
            kubectl(f"-n {service.namespace} get service {name} -o yaml"),
            f"Take it out: `{kubectl(f'-n {service.namespace} edit service {name}')}`.",
        )  # fmt: skip

    def _differ(
        self, place: str, wanted: Translation, course: Passage, should: str, said: str
    ) -> Departure:
        for hit in course.hits:
            if netfilter.untracks(hit.rule):
                return _untracked(place, should, hit.rule)
        return programs.rules_differ(self._world, place, wanted, expected=should, actual=said)

    def masqueraded(
        self, network: Network, before: Trip, trip: Trip, course: Passage, out: str
    ) -> Trip:
        """The trip after the translation of its source, which should be the wanted one."""
        place, old, packet = network.place, before.packet, trip.packet
        if packet.source == netfilter.MASQUERADED:
            link = network.links.get(out)
            # The loopback's address is never taken (scope host, ip-address(8)).
            outer = [each for each in network.addresses if not each.startswith("127.")]
            own = link.address if link and link.address in outer else next(iter(outer), "")
            packet = replace(packet, source=own)
            trip = replace(trip, packet=packet)
        here = trip.entered is not None and trip.entered.target != packet.target
        wanted = trip.service if here else None
        hairpin = wanted is not None and packet.target == old.source
        should = wanted is not None and (wanted.masquerades or hairpin)
        did = any(netfilter.target(hit.rule) in ("SNAT", "MASQUERADE") for hit in course.hits)
        # Leaving the cluster is what many networks masquerade for.
        within = self._cluster.owner(packet.target).startswith(("pod/", "node/"))
        if packet.source != old.source and not should and within:
            own_address = f"{self._cluster.named(packet.target)} sees {old.source} as its client"
            if trip.marker is not None:
                marked = replace(course, hits=(Hit(trip.marker),))
                return trip.departs(self._foreign(place, old, marked, own_address, packet.source))
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
        self, place: str, old: Packet, course: Passage, expected: str, became: str = ""
    ) -> Departure:
        """A rule that translates what it should not."""
        hits = [hit for hit in course.hits if netfilter.target(hit.rule) in netfilter.TRANSLATING]
        hit = hits[-1] if hits else course.hits[-1]
        may = "changes" if course.certain else "may change"
        into = became or f"{course.packet.target}:{course.packet.target_port}"
        return Departure(
            "foreign-translation",
            place,
            "translation",
            f"{old}: {expected}",
            f"a rule {may} it to {into}: {hit.rule.text}",
            listing(place, hit.rule),
            deleting(place, hit.rule),
            course.certain,
            netfilter.is_foreign(hit.rule),
        )


def _untracked(place: str, should: str, rule: Rule) -> Departure:
    return Departure(
        "untracked", place, "translation", should,
        f"a rule of the table {rule.home} keeps the connection from being tracked, and so from"
        f" being translated: {rule.text}",
        listing(place, rule), deleting(place, rule),
    )  # fmt: skip
