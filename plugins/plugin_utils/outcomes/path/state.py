"""What the kernel and the programs of a lab's places are set to, as types.

A place is ``host``, ``node/NAME`` or ``pod/NAMESPACE/NAME``: a network namespace that was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.iptables import (
    Chains,
    NativeRule,
    Rule,
)

HOST = "host"
VirtualServers = Mapping[tuple[str, str, int], frozenset[str]]
"""By protocol, address and port: where IPVS leads new connections, each as ADDRESS:PORT."""
FROZEN = "frozen"
# Routes of these authors come and go with addresses, or with a routing daemon's neighbours.
DAEMONS = frozenset({"kernel", "bird", "zebra", "bgp", "ospf", "ra", "dhcp", "redirect"})


@dataclass(frozen=True)
class Link:
    """An interface.

    Args:
        name: its name.
        index: its number in its namespace.
        peer: the number of the other end in the other namespace; 0 if it has none.
        kind: veth, bridge ...; empty for the loopback.
        up: whether it was switched on.
        carrier: whether the other end is on as well.
        mtu: the largest packet that it takes, in bytes.
        mac: its hardware address.
        master: the bridge that it is a port of; empty if none.
        queue: its queueing discipline.
        hindered: what else keeps packets from passing it, in words; empty if nothing does.
        addresses: its IPv4 addresses, each as ADDRESS/PREFIX.
    """

    name: str
    index: int = 0
    peer: int = 0
    kind: str = ""
    up: bool = True
    carrier: bool = True
    mtu: int = 1500
    mac: str = ""
    master: str = ""
    queue: str = ""
    hindered: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Its first IPv4 address, without the prefix; empty if it has none."""
        return self.addresses[0].partition("/")[0] if self.addresses else ""


@dataclass(frozen=True)
class Route:
    """A route: where it leads, as ``ip route`` shows it; ``to`` is a CIDR block."""

    to: str
    kind: str = "unicast"
    via: str = ""
    link: str = ""
    table: str = "main"
    metric: int = 0
    author: str = ""
    source: str = ""
    mtu: int = 0

    @property
    def text(self) -> str:
        """As ``ip route`` takes it."""
        words = [] if self.kind == "unicast" else [self.kind]
        words.append("default" if self.to == "0.0.0.0/0" else self.to.removesuffix("/32"))
        words += ["via", self.via] if self.via else []
        words += ["dev", self.link] if self.link and self.kind == "unicast" else []
        words += ["table", self.table] if self.table not in ("main", "local") else []
        words += ["mtu", str(self.mtu)] if self.mtu else []
        return " ".join(words)


@dataclass(frozen=True)
class PolicyRule:
    """A rule that chooses a routing table, or refuses packets.

    ``action`` is how it refuses them, as in prohibit. ``incoming`` is the link that they come by.
    ``unread`` are conditions that are not understood.
    """

    priority: int
    table: str
    source: str = ""
    target: str = ""
    mark: int | None = None
    mask: int = 0xFFFFFFFF
    action: str = ""
    incoming: str = ""
    unread: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As ``ip rule`` takes it."""
        words = [
            word
            for name, value in (
                ("from", self.source.removesuffix("/32")),
                ("to", self.target.removesuffix("/32")),
                ("iif", self.incoming),
                ("fwmark", "" if self.mark is None else hex(self.mark)),
                ("lookup", self.table),
            )
            if value
            for word in (name, value)
        ]
        return " ".join([*words, *([self.action] if self.action else [])])


@dataclass(frozen=True)
class Neighbour:
    """An entry of the neighbour table."""

    address: str
    link: str
    mac: str = ""
    state: str = ""


@dataclass(frozen=True)
class Behind:
    """A port of a bridge that frames for a hardware address leave by, as somebody wrote it."""

    mac: str
    link: str


@dataclass(frozen=True)
class Listener:
    """A socket that waits for packets, and the programs that hold it, each as (id, name, state).

    ``state`` is the kernel's letter for a process: R, S, T ... (proc(5)), or ``frozen``.
    """

    protocol: str
    address: str
    port: int
    holders: tuple[tuple[int, str, str], ...] = ()

    def takes(self, address: str) -> bool:
        """Whether packets to this address come to it."""
        return self.address in (address, "0.0.0.0", "::", f"::ffff:{address}")  # noqa: S104


@dataclass(frozen=True)
class Netfilter:
    """The rules of one backend: its chains, and the policies of those that have one.

    For a chain of nftables' own, ``owner`` is its table as FAMILY NAME, and ``base`` its name.
    """

    chains: Chains
    policies: Mapping[tuple[str, str], str]
    owner: str = ""
    base: str = ""

    def policy(self, table: str, chain: str) -> Rule:
        """The rule that a policy which drops stands for."""
        words = ("-j", "DROP")
        if not self.owner:
            return Rule(table, chain, 0, 0, words)
        return NativeRule(table, chain, 0, 0, words, self.owner, self.base)


@dataclass(frozen=True)
class Network:
    """A network namespace, with what its programs know about names.

    Args:
        place: which one.
        links: by name.
        routes: of all tables.
        policies: in their order.
        neighbours: by address and link.
        netfilter: the rules of each backend that has any.
        tables: nftables' own tables whose rules aren't read, as FAMILY NAME.
        refusing: those of them in which something drops, rejects or changes packets.
        behind: what somebody wrote into the forwarding tables of its bridges.
        settings: sysctls below net/, as in ``ipv4/ip_forward``.
        listeners: its listening sockets.
        resolver: the text of resolv.conf; None if it was not read.
        hosts: the text of the hosts file; None if it was not read.
        page: what a pod's web server serves at /; None if it was not asked, or didn't answer well.
        programs: the processes of a node or of the host: (id, name, state).
        balanced: what IPVS leads to.
        unread: what could not be read, each in a few words.
    """

    place: str
    links: Mapping[str, Link] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    policies: tuple[PolicyRule, ...] = ()
    neighbours: Mapping[tuple[str, str], Neighbour] = field(default_factory=dict)
    netfilter: tuple[Netfilter, ...] = ()
    tables: tuple[str, ...] = ()
    refusing: tuple[str, ...] = ()
    behind: tuple[Behind, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    resolver: str | None = None
    hosts: str | None = None
    page: str | None = None
    programs: tuple[tuple[int, str, str], ...] = ()
    balanced: VirtualServers = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    @property
    def addresses(self) -> Iterator[str]:
        """All its IPv4 addresses."""
        for link in self.links.values():
            for address in link.addresses:
                yield address.partition("/")[0]

    def setting(self, name: str, otherwise: str = "") -> str:
        """The value of a sysctl."""
        return self.settings.get(name, otherwise)


def is_stopped(state: str) -> bool:
    """Whether a process in this state runs no more until somebody lets it (proc(5))."""
    return state in ("T", "t", "Z", "X", FROZEN)


def is_halted(state: str) -> bool:
    """Whether a signal or a tracer has stopped a process in this state: others never end that."""
    return state in ("T", "t")


def stopped_by(state: str) -> str:
    """What stopped a process in such a state, in words."""
    if state == FROZEN:
        return "is in a frozen control group"
    return f"is stopped by a signal (state {state})"
