"""Whether a rule of iptables matches a packet: yes, no or unknown. Pure functions.

Unknown is what can't be said from the packet and the rule alone, and every match that isn't known
here: it never counts as a match that lets a packet through.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import inside

_SYN, _SYN_ACK = frozenset({"SYN"}), frozenset({"SYN", "ACK"})
_MASK = 0xFFFFFFFF
_PORTS = ("tcp", "udp", "sctp")


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection, or its answer.

    Args:
        protocol: tcp, udp or icmp.
        source: the sender's address.
        source_port: its port; any high one will do.
        target: the address that it is for.
        target_port: the port there; 0 for icmp.
        mark: its mark in the namespace that it is in.
        answer: whether it belongs to a connection that is known already.
    """

    protocol: str
    source: str
    source_port: int
    target: str
    target_port: int
    mark: int = 0
    answer: bool = False

    def __str__(self) -> str:
        ends = [
            f"{address}:{port}" if port else address
            for address, port in (
                (self.source, self.source_port),
                (self.target, self.target_port),
            )
        ]
        return f"{self.protocol} {' -> '.join(ends)}"

    def reversed(self) -> Packet:
        """The answer to it."""
        return replace(
            self,
            source=self.target,
            source_port=self.target_port,
            target=self.source,
            target_port=self.source_port,
            mark=0,
            answer=True,
        )


@dataclass(frozen=True)
class Spot:
    """Where in a place a packet is.

    Args:
        own: the place's own addresses.
        incoming: the link that it came by; empty if it was sent here.
        outgoing: the link that it leaves by; empty if that isn't known yet, or if it stays.
        tracked: whether the connection is known to the kernel.
    """

    own: Collection[str]
    incoming: str = ""
    outgoing: str = ""
    tracked: bool = True


@dataclass(frozen=True)
class Matching:
    """Whether a rule matches; ``certain`` isn't set if that is unknown.

    ``chance`` is the share of packets that it takes, as far as that is known.
    """

    matches: bool
    certain: bool = True
    chance: float = 1.0


NO = Matching(False)


def judge(words: Sequence[str], packet: Packet, spot: Spot) -> Matching:
    """Whether a rule, given as its words, matches a packet."""
    certain, chance = True, 1.0
    rest = list(words)
    while rest:
        negated = rest[0] == "!"
        if negated:
            rest.pop(0)
            if not rest:
                break
        option = rest.pop(0)
        if option in ("-j", "-g", "--jump", "--goto"):
            break
        taken = _taken(option, rest)
        values, rest = rest[:taken], rest[taken:]
        if option in _SAYS_NOTHING:
            continue
        if option == "--probability":
            share = _number(values)
            chance *= 1 - share if negated else share
            continue
        said = _said(option, values, packet, spot)
        if said is None:
            certain = False
        elif said == negated:
            return NO
    return Matching(True, certain, chance)


def _said(option: str, values: Sequence[str], packet: Packet, spot: Spot) -> bool | None:
    """What a condition says; None if it isn't known, or can't be read."""
    test = _TESTS.get(option)
    try:
        return test(values, packet, spot) if test else None
    except (IndexError, ValueError):
        return None


def _taken(option: str, rest: Sequence[str]) -> int:
    """How many words an option takes."""
    if option in _TAKES:
        return _TAKES[option]
    found = next((at for at, word in enumerate(rest) if word == "!" or word.startswith("-")), None)
    return len(rest) if found is None else found


def _number(values: Sequence[str]) -> float:
    try:
        return min(1.0, max(0.0, float(values[0])))
    except (IndexError, ValueError):
        return 1.0


Test = Callable[[Sequence[str], Packet, Spot], bool | None]


def _in_block(address: str, values: Sequence[str]) -> bool:
    return any(inside(address, block) for block in values[0].split(","))


def _link(name: str, wanted: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("+") else name == wanted


def _protocol(values: Sequence[str], packet: Packet, _spot: Spot) -> bool:
    return values[0] in ("all", packet.protocol)


def _in_range(port: int, text: str) -> bool | None:
    low, colon, high = text.partition(":")
    try:
        return int(low or 0) <= port <= int(high or (65535 if colon else low))
    except ValueError:
        return None


def _port(values: Sequence[str], packet: Packet, port: int) -> bool | None:
    if packet.protocol not in _PORTS:
        return False
    found = [_in_range(port, text) for text in values[0].split(",")]
    return True if True in found else None if None in found else False


def _mark(values: Sequence[str], packet: Packet, _spot: Spot) -> bool | None:
    value, mask = masked(values[0])
    return packet.mark & mask == value


def masked(text: str) -> tuple[int, int]:
    """The value and the mask in VALUE/MASK."""
    value, _, mask = text.partition("/")
    return int(value, 0), int(mask, 0) if mask else _MASK


def _state(values: Sequence[str], packet: Packet, spot: Spot) -> bool | None:
    states = values[0].split(",")
    if not spot.tracked:
        return "UNTRACKED" in states
    if ("ESTABLISHED" if packet.answer else "NEW") in states:
        return True
    return None if {"DNAT", "SNAT"} & set(states) else False


def _kind(address: str, values: Sequence[str], spot: Spot) -> bool | None:
    local = address in spot.own or inside(address, "127.0.0.0/8")
    match values[0]:
        case "LOCAL":
            return local
        case "UNICAST":
            return not local and not ip_address(address).is_multicast
        case "MULTICAST":
            return ip_address(address).is_multicast
        case "BROADCAST" | "ANYCAST" | "BLACKHOLE" | "UNREACHABLE" | "PROHIBIT":
            return False
    return None


def _flags(values: Sequence[str], packet: Packet, _spot: Spot) -> bool:
    if packet.protocol != "tcp":
        return False
    mask, wanted = (set(part.split(",")) - {"NONE"} for part in values[:2])
    flags = _SYN_ACK if packet.answer else _SYN
    return (flags if "ALL" in mask else flags & mask) == wanted


def _icmp(values: Sequence[str], packet: Packet, _spot: Spot) -> bool | None:
    if packet.protocol != "icmp":
        return False
    wanted = values[0].partition("/")[0]
    if wanted in ("any", "255"):
        return True
    return wanted in (("0", "echo-reply") if packet.answer else ("8", "echo-request"))


_TESTS: dict[str, Test] = {
    "-s": lambda values, packet, _spot: _in_block(packet.source, values),
    "-d": lambda values, packet, _spot: _in_block(packet.target, values),
    "-p": _protocol,
    "-i": lambda values, _packet, spot: _link(spot.incoming, values[0]),
    "-o": lambda values, _packet, spot: _link(spot.outgoing, values[0]),
    "--dport": lambda values, packet, _spot: _port(values, packet, packet.target_port),
    "--dports": lambda values, packet, _spot: _port(values, packet, packet.target_port),
    "--sport": lambda values, packet, _spot: _port(values, packet, packet.source_port),
    "--sports": lambda values, packet, _spot: _port(values, packet, packet.source_port),
    "--mark": _mark,
    "--ctstate": _state,
    "--state": _state,
    "--dst-type": lambda values, packet, spot: _kind(packet.target, values, spot),
    "--src-type": lambda values, packet, spot: _kind(packet.source, values, spot),
    "--tcp-flags": _flags,
    "--syn": lambda _values, packet, _spot: packet.protocol == "tcp" and not packet.answer,
    "--icmp-type": _icmp,
    "-f": lambda _values, _packet, _spot: False,
    # Setting an entry of a list matches always (iptables-extensions(8), recent).
    "--set": lambda _values, _packet, _spot: True,
    "--physdev-is-bridged": lambda _values, _packet, _spot: False,
}
_TAKES = {
    "-m": 1,
    "--comment": 1,
    "--tcp-flags": 2,
    "-s": 1,
    "-d": 1,
    "-p": 1,
    "-i": 1,
    "-o": 1,
    "--mark": 1,
    "--probability": 1,
    "--mode": 1,
    "--name": 1,
    "--mask": 1,
    "--set": 0,
    "--syn": 0,
    "-f": 0,
    "--rsource": 0,
    "--rdest": 0,
}
# Options that belong to another one, which is judged.
_SAYS_NOTHING = frozenset(
    {"-m", "--comment", "--mode", "--name", "--mask", "--rsource", "--rdest", "-c"}
)
