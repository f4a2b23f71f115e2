"""What netfilter does with a packet at each hook, in the kernel's order. Pure functions.

The order of tables is that of include/uapi/linux/netfilter_ipv4.h. At PREROUTING and POSTROUTING,
only nftables has chains like those of the table filter. A rule that may or may not match is
followed both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.matching import (
    Packet,
    Spot,
    judge,
    masked,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    Netfilter,
    Network,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.iptables import (
    NativeRule,
    Rule,
)

HOOKS = {
    "PREROUTING": ("raw", "mangle", "nat", "filter"),
    "INPUT": ("mangle", "filter", "security", "nat"),
    "FORWARD": ("mangle", "filter", "security"),
    "OUTPUT": ("raw", "mangle", "nat", "filter", "security"),
    "POSTROUTING": ("mangle", "filter", "nat"),
}
# Targets after which the next rule is looked at, and that don't change where a packet goes.
_GO_ON = frozenset(
    {"", "LOG", "NFLOG", "TRACE", "TCPMSS", "SET", "CHECKSUM", "CLASSIFY", "DSCP", "TOS", "ULOG",
     "AUDIT", "RATEEST", "ECN", "CONNMARK", "CONNSECMARK", "SECMARK"}
)  # fmt: skip
# Chains of Kubernetes, of the lab, of CNI's own plugins, and of the best-known other ones.
_THEIRS = (
    "KUBE-",
    "LATIHAN-",
    "CNI-",
    "KIND-",
    "FLANNEL-",
    "cali-",
    "CILIUM_",
    "ANTREA-",
    "WEAVE-",
)
# Tables of nftables: of kube-proxy, of CNI's own plugins, and of the best-known other ones.
_THEIR_TABLES = ("kube-", "cni", "flannel-", "calico", "kindnet", "antrea", "ovn-kube")
# Chains with as many ways through them are not followed any further.
_MOST = 400


class Fate(StrEnum):
    """What became of a packet at a hook."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    UNKNOWN = "unknown"


TRANSLATING = ("DNAT", "REDIRECT", "SNAT", "MASQUERADE")
_VERDICTS = {"DROP": Fate.DROP, "REJECT": Fate.REJECT}


@dataclass(frozen=True)
class Hit:
    """A rule, or a chain's policy, that had an effect; ``certain`` unless it may not match."""

    rule: Rule
    certain: bool = True
    policy: bool = False


@dataclass(frozen=True)
class Passage:
    """One way through the rules.

    Args:
        packet: the packet as it is now.
        hits: the rules that had an effect on it, in their order.
        chance: the share of packets that take this way, as far as that is known.
        verdict: what became of it.
        tracked: whether the kernel tracks its connection.
    """

    packet: Packet
    hits: tuple[Hit, ...] = ()
    chance: float = 1.0
    verdict: Fate = Fate.ACCEPT
    tracked: bool = True
    ended: bool = False

    @property
    def certain(self) -> bool:
        """Whether all its rules are known to match."""
        return all(hit.certain for hit in self.hits)


def is_foreign(rule: Rule) -> bool:
    """Whether nobody of Kubernetes, the lab or CNI made a rule, as far as its chains tell."""
    if isinstance(rule, NativeRule):
        return not rule.owner.partition(" ")[2].startswith(_THEIR_TABLES)
    return not (rule.chain.startswith(_THEIRS) or target(rule).startswith(_THEIRS))


def marks(rule: Rule) -> bool:
    """Whether a foreign rule marks packets, which other rules may go by."""
    return target(rule) == "MARK" and is_foreign(rule)


def untracks(rule: Rule) -> bool:
    """Whether a rule keeps a connection from being tracked, and so from being translated."""
    return target(rule) == "NOTRACK" or "--notrack" in rule.words


def has_effect(rule: Rule) -> bool:
    """Whether a rule can change where a packet goes, or how it looks."""
    return target(rule) not in _GO_ON | {"RETURN", "ACCEPT"}


def target(rule: Rule) -> str:
    """The chain or verdict that a rule jumps or goes to."""
    return rule.target or rule.value("-g")


def through(network: Network, hook: str, packet: Packet, spot: Spot) -> list[Passage]:
    """The ways that a packet may take through a hook.

    Args:
        network: the place.
        hook: PREROUTING, INPUT, FORWARD, OUTPUT or POSTROUTING.
        packet: the packet.
        spot: where it is.
    """
    courses = [Passage(packet, tracked=spot.tracked)]
    for table in HOOKS[hook]:
        for backend in network.netfilter:
            courses = [
                passed
                for course in courses
                for passed in _table(backend, table, hook, course, spot)
            ]
    return courses


def _table(
    backend: Netfilter, table: str, hook: str, course: Passage, spot: Spot
) -> Iterator[Passage]:
    skipped = table == "nat" and (course.packet.answer or not course.tracked)
    if course.verdict is not Fate.ACCEPT or skipped or (table, hook) not in backend.chains:
        yield course
        return
    here = replace(spot, tracked=course.tracked)
    rules = _Here(backend, table, here)
    for passed in _chain(rules, hook, replace(course, ended=False)):
        if not passed.ended and backend.policies.get((table, hook)) == "DROP":
            hits = (*passed.hits, Hit(backend.policy(table, hook), policy=True))
            yield replace(passed, hits=hits, verdict=Fate.DROP)
        else:
            yield replace(passed, ended=False)


@dataclass(frozen=True)
class _Here:
    """Where in the rules a packet is: ``above`` are the chains that led here."""

    backend: Netfilter
    table: str
    spot: Spot
    above: tuple[str, ...] = ()


def _chain(here: _Here, chain: str, course: Passage) -> list[Passage]:
    """The ways through a chain; those whose ``ended`` is not set came to its end."""
    below = replace(here, above=(*here.above, chain))
    inside = [course]
    done: list[Passage] = []
    for rule in here.backend.chains.get((here.table, chain), ()):
        staying: list[Passage] = []
        for each in inside:
            said = judge(rule.words, each.packet, here.spot)
            if not said.matches or not said.chance or target(rule) in _GO_ON:
                staying.append(each)
                continue
            if not said.certain:
                staying.append(each)
            elif said.chance < 1:
                staying.append(replace(each, chance=each.chance * (1 - said.chance)))
            taken = replace(each, chance=each.chance * said.chance)
            for after, leaves in _act(below, Hit(rule, said.certain), taken):
                (done if leaves else staying).append(after)
        inside = staying[:_MOST]
        if not inside:
            break
    return [*done, *inside]


def _act(here: _Here, hit: Hit, course: Passage) -> list[tuple[Passage, bool]]:
    """What a rule does with a packet that it matches; with each, whether its chain is left."""
    rule, goal = hit.rule, target(hit.rule)
    if (rule.table, goal) in here.backend.chains:
        return _jump(here, hit, course)
    marked = replace(course, hits=(*course.hits, hit))
    ended = replace(marked, ended=True)
    match goal:
        case "ACCEPT" | "RETURN":
            return [(replace(course, ended=goal == "ACCEPT"), True)]
        case "MARK":
            return [(replace(marked, packet=_marked(rule, course.packet)), False)]
        case "NOTRACK" | "CT":
            return [(replace(marked, tracked=not untracks(rule)), False)]
    if goal in TRANSLATING:
        return [(replace(ended, packet=_translated(rule, course.packet)), True)]
    return [(replace(ended, verdict=_VERDICTS.get(goal, Fate.UNKNOWN)), True)]


def _jump(here: _Here, hit: Hit, course: Passage) -> list[tuple[Passage, bool]]:
    """A rule that leads into another chain; after a goto its own chain isn't gone on with."""
    goal = target(hit.rule)
    if goal in here.above:
        return []
    noted = course if hit.certain else replace(course, hits=(*course.hits, hit))
    gone = not hit.rule.target
    return [(each, each.ended or gone) for each in _chain(here, goal, noted)]


def _marked(rule: Rule, packet: Packet) -> Packet:
    """The packet with the mark that MARK sets (iptables-extensions(8))."""
    try:
        return replace(packet, mark=_mark(rule, packet.mark))
    except ValueError:  # No number: iptables would not have taken it.
        return packet


def _mark(rule: Rule, old: int) -> int:
    for option, change in _MARKS.items():
        if text := rule.value(option):
            return change(old, *masked(text))
    return old


# Of the old mark, the value and the mask.
_MARKS: dict[str, Callable[[int, int, int], int]] = {
    "--set-xmark": lambda old, value, mask: (old & ~mask) ^ value,
    "--set-mark": lambda old, value, mask: (old & ~mask) | value,
    "--or-mark": lambda old, value, _mask: old | value,
    "--and-mark": lambda old, value, _mask: old & value,
    "--xor-mark": lambda old, value, _mask: old ^ value,
}


# What the address of the link that a packet leaves by is written as, until that is known.
MASQUERADED = "masqueraded"
REDIRECTED = "redirected"


def _translated(rule: Rule, packet: Packet) -> Packet:
    match target(rule):
        case "DNAT":
            address, port = _to(rule.value("--to-destination"))
            return replace(
                packet,
                target=address or packet.target,
                target_port=port or packet.target_port,
            )
        case "REDIRECT":
            _, port = _to(f":{rule.value('--to-ports')}")
            return replace(packet, target=REDIRECTED, target_port=port or packet.target_port)
        case "SNAT":
            address, _ = _to(rule.value("--to-source"))
            return replace(packet, source=address or packet.source)
    return replace(packet, source=MASQUERADED)


def _to(text: str) -> tuple[str, int]:
    """The first address and port in ADDRESS[-ADDRESS][:PORT[-PORT]]."""
    address, _, port = text.partition(":")
    low = port.partition("-")[0]
    return address.partition("-")[0], int(low) if low.isdigit() else 0


def foreign_rules(network: Network) -> list[Rule]:
    """The rules of a place that can change a packet's way and that nobody of Kubernetes made."""
    return [
        rule
        for backend in network.netfilter
        for rules in backend.chains.values()
        for rule in rules
        if is_foreign(rule) and has_effect(rule) and not _leads_nowhere(backend, rule)
    ]


def _leads_nowhere(backend: Netfilter, rule: Rule) -> bool:
    """Whether a rule only jumps to a chain: the rules in there are named instead."""
    return (rule.table, target(rule)) in backend.chains


def closing_policies(network: Network) -> Sequence[Rule]:
    """The rules that policies which drop stand for."""
    return [
        backend.policy(*key)
        for backend in network.netfilter
        for key, said in backend.policies.items()
        if said == "DROP"
    ]
