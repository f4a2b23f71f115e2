"""nftables' own rules, written as the rules of iptables that do the same. Pure functions.

Read is what ``nft -json list ruleset`` prints (libnftables-json(5)). Each chain at a hook becomes a
backend of its own, since its ``accept`` ends only that chain (nft(8), VERDICT STATEMENT). What has
no counterpart in iptables becomes an option that nothing knows: nobody can say whether such a rule
matches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import nft_matches
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.netfilter import HOOKS
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.nft_matches import (
    Elements,
    Sets,
    Words,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import Netfilter
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.iptables import (
    NativeRule,
    Rule,
)

_FAMILIES = ("ip", "inet")
_OF_IPV6 = "ip6"
# Priorities between those of iptables' tables (kernel: include/uapi/linux/netfilter_ipv4.h).
_RAW, _NAT = -200, -100
# Statements that drop, reject or change packets.
_CHANGING = frozenset(
    {"drop", "reject", "dnat", "snat", "masquerade", "redirect", "queue", "mangle", "notrack",
     "fwd", "tproxy", "synproxy"}
)  # fmt: skip
# Statements that don't change where a packet goes.
_GO_ON = frozenset({"counter", "log", "set", "comment", "last", "ct helper", "secmark", "meter"})
_SIMPLE = {
    "accept": "ACCEPT",
    "drop": "DROP",
    "return": "RETURN",
    "reject": "REJECT",
    "notrack": "NOTRACK",
    "masquerade": "MASQUERADE",
}
_LEADING = {"jump": "-j", "goto": "-g"}
_MARKS = {"|": "--or-mark", "&": "--and-mark", "^": "--xor-mark"}

_TABLE = re.compile(r"table (\S+ \S+) \{")
_RULE = re.compile(r"\t\t(\S.*?) # handle (\d+)$")

Json = Any
Lines = Mapping[tuple[str, int], str]
Chains = dict[tuple[str, str], tuple[Rule, ...]]


@dataclass
class Table:
    """A table: its chains at hooks, the rules of all chains, and its sets."""

    family: str
    name: str
    hooks: dict[str, Json] = field(default_factory=dict)
    rules: dict[str, list[Json]] = field(default_factory=dict)
    sets: dict[str, Elements | None] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """FAMILY NAME, as nft takes it."""
        return f"{self.family} {self.name}"

    @property
    def changes(self) -> bool:
        """Whether something in it drops, rejects or changes packets."""
        closed = any(chain.get("policy") == "drop" for chain in self.hooks.values())
        items = (item for items in self.rules.values() for item in items)
        statements = (each for item in items for each in item.get("expr") or [])
        return closed or any(_CHANGING & each.keys() for each in statements)


def backends(tables: Sequence[Table], known: Collection[str], printed: str = "") -> list[Netfilter]:
    """The rules of nftables' own tables, in the order in which packets meet them.

    Args:
        tables: the ruleset.
        known: iptables' tables, which are read otherwise.
        printed: the ruleset as ``nft -a list ruleset`` prints it for people.
    """
    lines = dict(_lines(printed))
    found = [
        (int(chain.get("prio", 0)), _backend(table, name, chain, lines))
        for table in tables
        if table.family in _FAMILIES and not (table.family == "ip" and table.name in known)
        for name, chain in table.hooks.items()
    ]
    return [backend for _prio, backend in sorted(found, key=lambda each: each[0])]


def chains(tables: Sequence[Table], printed: str) -> Chains:
    """The rules of chains that aren't at a hook, by each table of iptables that they serve."""
    return {
        key: rules
        for backend in backends(tables, (), printed)
        for key, rules in backend.chains.items()
        if key[1] not in HOOKS
    }


def unread(tables: Sequence[Table]) -> list[Table]:
    """The tables with a chain at a hook whose packets aren't followed here."""
    return [each for each in tables if each.hooks and each.family not in (*_FAMILIES, _OF_IPV6)]


def parse(text: str) -> list[Table]:
    """The tables of a ruleset; none if it can't be read."""
    found: dict[str, Table] = {}
    try:
        for item in json_text.read(text)["nftables"]:
            ((kind, each),) = item.items()
            if kind not in ("chain", "rule", "set", "map"):
                continue
            new = Table(each["family"], each["table"])
            table = found.setdefault(new.owner, new)
            match kind:
                case "chain":
                    table.rules.setdefault(each["name"], [])
                    if "hook" in each:
                        table.hooks[each["name"]] = each
                case "rule":
                    table.rules.setdefault(each["chain"], []).append(each)
                case _:
                    table.sets[f"@{each['name']}"] = nft_matches.members(each)
    except (AttributeError, KeyError, TypeError, ValueError):
        return []
    return list(found.values())


def _lines(printed: str) -> Iterator[tuple[tuple[str, int], str]]:
    """The text of each rule, by its table and handle."""
    owner = ""
    for line in printed.splitlines():
        if table := _TABLE.match(line):
            owner = table[1]
        elif rule := _RULE.match(line):
            yield (owner, int(rule[2])), rule[1]


def _backend(table: Table, base: str, chain: Mapping[str, Json], lines: Lines) -> Netfilter:
    """A chain at a hook, with all that it may jump to."""
    hook = str(chain["hook"]).upper()
    kind = _kind(chain)
    written: Chains = {}
    for name, items in table.rules.items():
        writer = _Writer(table, kind, name, hook if name == base else name, lines)
        for item in items:
            writer.add(item)
        written[kind, writer.chain] = tuple(writer.rules)
        written |= writer.steps
    drops = {(kind, hook): "DROP"} if chain.get("policy") == "drop" else {}
    return Netfilter(written, drops, table.owner, base)


def _kind(chain: Mapping[str, Json]) -> str:
    """The table of iptables whose place a chain has."""
    prio = int(chain.get("prio", 0))
    if chain.get("type") == "nat":
        return "nat"
    early = chain["hook"] in ("prerouting", "output")
    if prio < _RAW and early:
        return "raw"
    return "mangle" if prio <= _NAT else "filter"


class _Writer:
    """Writes the rules of one chain.

    Args:
        table: whose it is.
        kind: the table of iptables whose place it has.
        base: its name.
        chain: its name among the rules that are written: that of its hook, if it is at one.
        lines: the rules' texts.
    """

    def __init__(self, table: Table, kind: str, base: str, chain: str, lines: Lines) -> None:
        self.chain = chain
        self._lines = lines
        self.rules: list[Rule] = []
        self.steps: Chains = {}
        self._table, self._kind, self._base = table, kind, base

    def add(self, item: Mapping[str, Json]) -> None:
        """Write a rule: one for each element of the sets and maps that it looks into."""
        handle = int(item.get("handle", 0))
        conditions: list[Words] = [()]
        acts: list[list[Words]] = []
        packets = 0
        for statement in item.get("expr") or []:
            ((kind, value),) = statement.items()
            if kind == "counter" and isinstance(value, dict):
                packets = int(value.get("packets", 0))
            if kind in _GO_ON:
                continue
            if kind == "match":
                found = nft_matches.match(value, self._table.sets, self._table.owner)
                conditions = [(*one, *other) for one in conditions for other in found]
            else:
                acts.append(_act(kind, value, self._table.sets))
        written = self._lines.get((self._table.owner, handle), json.dumps(item.get("expr")))
        rule = NativeRule(
            self._kind, self.chain, 0, packets, (), self._table.owner, self._base, handle, written
        )
        if len(acts) > 1:
            step = f"{self._base}#{handle}"
            self.steps[self._kind, step] = tuple(
                replace(rule, chain=step, number=number + 1, words=words)
                for number, words in enumerate(words for act in acts for words in act)
            )
            acts = [[("-j", step)]]
        for words in conditions:
            for act in acts[0] if acts else [()]:
                number = len(self.rules) + 1
                self.rules.append(replace(rule, number=number, words=(*words, *act)))


def _act(kind: str, value: Json, sets: Sets) -> list[Words]:
    """What a statement does with a packet, each time with the conditions of its own for that."""
    fields = value if isinstance(value, dict) else {}
    if kind in _SIMPLE:
        return [("-j", _SIMPLE[kind])]
    if kind in _LEADING and "target" in fields:
        return [(_LEADING[kind], str(fields["target"]))]
    if kind == "vmap":
        return [
            (*words, *act)
            for words, verdict in nft_matches.elements(fields.get("key"), fields.get("data"), sets)
            for act in _verdict(verdict, sets)
        ]
    if kind in ("dnat", "snat"):
        return list(_translation(kind, fields, sets))
    options: Words = ()
    if kind == "redirect":
        options = ("--to-ports", str(fields.get("port", "")))
    elif kind == "mangle":
        of_mark = fields.get("key") == {"meta": {"key": "mark"}}
        kind, options = ("mark", _mark(fields.get("value"))) if of_mark else ("dscp", ())
    return [("-j", kind.upper(), *options)]


def _verdict(verdict: Json, sets: Sets) -> list[Words]:
    if not isinstance(verdict, dict):
        return [("-j", "UNKNOWN")]
    ((kind, value),) = verdict.items()
    return _act(kind, value, sets)


def _translation(kind: str, value: Mapping[str, Json], sets: Sets) -> Iterator[Words]:
    """The addresses that a packet may be sent to, or may seem to come from."""
    option = ("-j", "DNAT", "--to-destination") if kind == "dnat" else ("-j", "SNAT", "--to-source")
    match value:
        case {"addr": {"map": {"key": key, "data": data}}}:
            for words, goal in nft_matches.elements(key, data, sets):
                yield (*words, *option, _end(goal))
        case {"addr": str(address)}:
            port = value.get("port")
            yield (*option, f"{address}:{port}" if isinstance(port, int) else address)
        case {"port": int(port)}:
            yield (*option, f":{port}")
        case _:
            yield (nft_matches.UNKNOWN, *option, "")


def _end(goal: Json) -> str:
    """An address, or an address and a port."""
    parts: Sequence[Json] = (
        goal["concat"] if isinstance(goal, dict) and "concat" in goal else [goal]
    )
    return ":".join(map(str, parts))


def _mark(mark: Json) -> Words:
    if isinstance(mark, int):
        return ("--set-mark", str(mark))
    if isinstance(mark, dict) and len(mark) == 1:
        ((operator, parts),) = mark.items()
        if operator in _MARKS and isinstance(parts, list) and isinstance(parts[-1], int):
            return (_MARKS[operator], str(parts[-1]))
    return ()
