"""A packet on its way, and what has become of it so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import (
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.matching import Packet
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import Translation
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import (
    Departure,
    PacketWay,
    WayStep,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.iptables import Rule


@dataclass(frozen=True)
class Nat:
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
        steps, departures, share: as in a PacketWay.
        nats: the translations so far.
        size: the size of the largest packet that its sender's link takes, in bytes.
        service: what should be done with it where it comes first, once that is known.
        back: an answer as its client knows it, until it leaves the place that translates it back.
        seen: how many places it has been at.
        marker: a foreign rule that has marked it.
    """

    packet: Packet
    wanted: bool | None = None
    large: bool = False
    asked: Packet | None = None
    entered: Packet | None = None
    steps: tuple[WayStep, ...] = ()
    departures: tuple[Departure, ...] = ()
    share: float = 1.0
    nats: tuple[Nat, ...] = ()
    size: int = 0
    service: Translation | None = None
    back: Packet | None = None
    seen: int = 0
    marker: Rule | None = None

    def step(self, place: str, expected: str, actual: str) -> Trip:
        """The trip after a step that is as expected."""
        return replace(self, steps=(*self.steps, WayStep(shown(place), expected, actual)))

    def departs(self, departure: Departure) -> Trip:
        """The trip after a departure."""
        step = WayStep(shown(departure.place), departure.expected, departure.actual, departs=True)
        return replace(self, steps=(*self.steps, step), departures=(*self.departures, departure))

    def ends(self, end: str) -> PacketWay:
        """The way that ends here."""
        return PacketWay(self.steps, end, self.departures, self.share)
