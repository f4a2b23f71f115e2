"""What a walk yields: the ways that a packet takes, and where they leave the expected one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PASSES = "passes"
REFUSED = "refused"
DROPPED = "dropped"
NO_ROUTE = "no route"
NO_NAME = "no such name"
LOST = "lost"
UNSEEN = "unseen"
# What no part of a cluster changes by itself, however long one waits.
_STAYING = frozenset(
    {
        "address-lost", "address-taken", "arp-ignored", "changed-by-hand", "extra-address",
        "extra-pod", "extra-route", "foreign-rule", "forwarding-off", "hosts-changed", "link-down",
        "link-hindered", "mtu-too-large", "no-such-port", "not-in-the-bridge",
        "other-page", "ping-ignored", "policy-rule", "queue", "resolver-changed", "reverse-path",
        "selector-changed", "short-lived", "untracked", "wrong-port", "wrong-route",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Departure:
    """Where the actual state isn't what it should be.

    Args:
        id: its kind, as in no-route.
        place: where it is, as in node/latihan.
        layer: name, service, translation, filter, route, neighbour, link, setting or program.
        expected: what should be there.
        actual: what is there.
        shows: the command that shows it.
        fix: the command that puts it right, or what to do.
        certain: whether it is known that the packet meets it.
        stays: whether nothing in a cluster puts it right by itself; None if its kind tells that.
    """

    id: str
    place: str
    layer: str
    expected: str
    actual: str
    shows: str = ""
    fix: str = ""
    certain: bool = True
    stays: bool | None = None

    @property
    def settled(self) -> bool:
        """Whether it is certain, and waiting changes nothing about it."""
        return self.certain and (self.id in _STAYING if self.stays is None else self.stays)


@dataclass(frozen=True)
class WayStep:
    """A place on the way: what should happen to the packet there, and what does."""

    place: str
    expected: str
    actual: str
    departs: bool = False


@dataclass(frozen=True)
class PacketWay:
    """One way that packets take.

    Args:
        steps: what happens on it.
        end: passes, refused, dropped, no route, no such name, lost or unseen.
        departures: where it isn't as expected, the first one first.
        share: the share of packets that take it, as far as that is known.
    """

    steps: tuple[WayStep, ...]
    end: str
    departures: tuple[Departure, ...] = ()
    share: float = 1.0


@dataclass(frozen=True)
class Walk:
    """All ways from one place to a target.

    Args:
        start: the place where the packet starts.
        target: what it is for, as it was asked for.
        ways: the ways.
        departures: each different departure of the ways once, nearest to the packet first, then
            those of what the API says.
        unread: what could not be looked at.
    """

    start: str
    target: str
    ways: tuple[PacketWay, ...]
    departures: tuple[Departure, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def as_expected(self) -> bool:
        """Whether the packet does what it should."""
        return not self.departures


def each_once(departures: Iterable[Departure]) -> tuple[Departure, ...]:
    """The departures without repetitions, in their order."""
    return tuple(dict.fromkeys(departures))
