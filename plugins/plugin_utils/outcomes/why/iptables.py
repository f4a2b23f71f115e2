"""Read what ``iptables-save -c`` prints, as far as kube-proxy's rules need it. Pure functions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_OF_SERVICE = re.compile(r"^[a-z]+-[0-9A-Z]{8}-([^/]+/[^/]+)/")
_CHAIN = re.compile(r":(\S+)")
_COUNTED = re.compile(r"\[([0-9]{1,20}):[0-9]+\] -A (\S.*)")  # The kernel counts in 64 bits.


@dataclass(frozen=True)
class Rule:
    """One rule.

    Args:
        table: nat, filter ...
        chain: its chain.
        number: its place in the chain, from 1.
        packets: how many packets it has matched.
        words: its arguments after the chain's name.
    """

    table: str
    chain: str
    number: int
    packets: int
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The rule as iptables prints it."""
        return shlex.join(["-A", self.chain, *self.words])

    @property
    def home(self) -> str:
        """The table that it is in, as its program calls it."""
        return self.table

    @property
    def target(self) -> str:
        """The chain or verdict that it jumps to; empty if it has none."""
        return self.value("-j")

    @property
    def comment(self) -> str:
        """What its author says about it."""
        return self.value("--comment")

    @property
    def probability(self) -> float:
        """The chance that it takes a connection that reaches it."""
        try:
            found = float(self.value("--probability") or 1)
        except ValueError:
            return 1.0
        return found if 0 <= found <= 1 else 1.0

    def value(self, option: str) -> str:
        """What follows an option; empty if the rule doesn't have it, or has it negated."""
        if option not in self.words:
            return ""
        place = self.words.index(option)
        negated = place > 0 and self.words[place - 1] == "!"
        return "" if negated else "".join(self.words[place + 1 : place + 2])


@dataclass(frozen=True)
class NativeRule(Rule):
    """A rule of nftables' own, written as one of iptables.

    Args:
        owner: its table, as FAMILY NAME.
        base: its chain's name there.
        handle: its number there; 0 if it stands for the chain's policy.
        written: what nft says of it, as JSON.
    """

    owner: str = ""
    base: str = ""
    handle: int = 0
    written: str = ""

    @property
    def text(self) -> str:
        """The rule as it was read."""
        return f"{self.base}, handle {self.handle}: {self.written}"

    @property
    def home(self) -> str:
        """The table that it is in, as nft calls it."""
        return self.owner

    @property
    def comment(self) -> str:
        """The service that it is for: kube-proxy's chains are KIND-HASH-NAMESPACE/NAME/..."""
        names = _OF_SERVICE.search(self.value("-g") or self.base)
        return names[1] if names else ""


# kube-proxy marks what a later chain drops; the other marks only what is to be masqueraded.
_REFUSING = ("REJECT", "DROP", "KUBE-MARK-DROP")
_MARKING = ("KUBE-MARK-MASQ",)

Chains = dict[tuple[str, str], tuple[Rule, ...]]
Above = tuple[str, ...]


def parse(text: str) -> Chains:
    """The rules by table and chain, in their order; chains without rules are there too.

    Lines that can't be read are left out.
    """
    chains: dict[tuple[str, str], list[Rule]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif named := _CHAIN.match(line):
            chains[table, named[1]] = []
        elif counted := _COUNTED.match(line):
            try:
                chain, *words = shlex.split(counted[2])
            except ValueError:
                continue
            rules = chains.setdefault((table, chain), [])
            rules.append(Rule(table, chain, len(rules) + 1, int(counted[1]), tuple(words)))
    return {key: tuple(rules) for key, rules in chains.items()}


def addressed(rule: Rule, address: str, port: int) -> bool:
    """Whether a rule is only for this destination, or for this port of any node address."""
    wanted = rule.value("-d")
    return rule.value("--dport") == str(port) and wanted in ("", f"{address}/32", address)


def trail(chains: Chains, before: Chains, address: str, port: int, backend: str) -> list[Rule]:
    """The rules of the nat table that lead a new connection to a backend.

    Args:
        chains: the rules.
        before: the rules at an earlier moment: if several ways lead there, the one whose counters
            have moved since is meant.
        address: the address that was connected to.
        port: the port that was connected to.
        backend: where the connection ended up, as ADDRESS:PORT.

    Returns:
        The rule for the destination first, the translation last; empty if none leads there.
    """
    ways = [
        way for way in _ways(chains, address, port) if way[-1].value("--to-destination") == backend
    ]
    return max(ways, key=lambda way: _least(before, way), default=[])


def taken(chains: Chains, before: Chains, address: str, port: int) -> list[list[Rule]]:
    """The ways, each as in ``trail``, that connections to this destination went since before.

    kube-proxy has its rules of nftables count nothing, so with these it is all ways.
    """
    ways = _ways(chains, address, port)
    return [way for way in ways if _least(before, way) or isinstance(way[0], NativeRule)]


def refusals(chains: Chains, before: Chains, address: str, port: int) -> list[Rule]:
    """The rules that have refused a connection to this destination since before.

    The rule alone says nothing: a load balancer's chain ends with one, for clients that no earlier
    rule let through. Those of nftables don't count: kube-proxy has one only as long as it refuses.
    """
    return [
        refusal
        for rules in chains.values()
        for rule in rules
        if addressed(rule, address, port)
        for refusal in _refusing(chains, rule)
        if counted(before, refusal) or isinstance(refusal, NativeRule)
    ]


def counted(before: Chains, rule: Rule) -> int:
    """How many packets a rule has matched since an earlier reading (its own count if it is new)."""
    for old in before.get((rule.table, rule.chain), ()):
        if old.words == rule.words and rule.packets >= old.packets:
            return rule.packets - old.packets
    return rule.packets


def choices(chains: Chains, rule: Rule) -> list[Rule]:
    """The rules in a rule's chain that each lead to an endpoint: what it was chosen from."""
    siblings = chains.get((rule.table, rule.chain), ())
    found = [sibling for sibling in siblings if sibling.target.startswith("KUBE-SEP-")]
    return found or [sibling for sibling in siblings if isinstance(sibling, NativeRule)]


def _least(before: Chains, way: list[Rule]) -> int:
    return min(counted(before, rule) for rule in way)


def _ways(chains: Chains, address: str, port: int) -> Iterator[list[Rule]]:
    for entry in ("KUBE-SERVICES", "KUBE-NODEPORTS", "services"):
        for rule in chains.get(("nat", entry), ()):
            if addressed(rule, address, port):
                yield from _translating(chains, rule)


def _translating(chains: Chains, rule: Rule, above: Above = ()) -> Iterator[list[Rule]]:
    if rule.target == "DNAT":
        yield [rule]
        return
    for below in _below(chains, rule, above):
        for way in _translating(chains, below, (*above, rule.chain)):
            yield [rule, *way]


def _refusing(chains: Chains, rule: Rule, above: Above = ()) -> Iterator[Rule]:
    if rule.target in _REFUSING:
        yield rule
    elif rule.target not in _MARKING:
        for below in _below(chains, rule, above):
            yield from _refusing(chains, below, (*above, rule.chain))


def _below(chains: Chains, rule: Rule, above: Above) -> Iterator[Rule]:
    """The rules of the chain that a rule jumps to; none if that leads back to where it came from.

    ``above`` are the chains on the way to the rule's own.
    """
    goal = rule.target or rule.value("-g")
    if goal not in (*above, rule.chain):
        yield from chains.get((rule.table, goal), ())
