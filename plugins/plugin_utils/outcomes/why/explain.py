"""Puts into words why a connection got where it did, or didn't. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why import conntrack, iptables
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.conntrack import Flow
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.iptables import Chains, Rule

Document = dict[str, Any]

# ip-route(8): the next hop; a route without one leads straight to its goal.
_VIA = re.compile(r"\bvia (\S+)")


@dataclass(frozen=True)
class Datapath:
    """What a node's kernel says of a moment: its rules before and after it, its connections."""

    node: str
    before: Chains
    after: Chains
    flows: Sequence[Flow]


@dataclass(frozen=True)
class Why:
    """One sentence for a person, and the raw lines that it was read from."""

    sentence: str
    lines: tuple[str, ...] = ()

    def document(self) -> Document:
        """As it stands in a report."""
        return {"sentence": self.sentence, "lines": list(self.lines)}


def carried(
    answer: Document,
    path: Datapath,
    addresses: Mapping[str, Document],
    route: Callable[[str], str],
) -> Why | None:
    """Why a connection that was answered went where it went.

    Args:
        answer: the probe's answer, with ``local_ip``, ``local_port`` and ``remote_ip``.
        path: the node whose kernel translated it.
        addresses: who has which address, from the facts.
        route: tells what ``ip route get`` says of an address on that node.

    Returns:
        None where the node's kernel doesn't know the connection.
    """
    flow = conntrack.find(
        list(path.flows), answer["local_ip"], int(answer["local_port"]), answer["remote_ip"]
    )
    if flow is None:
        return None
    goal = f"{flow.original.target}:{flow.original.target_port}"
    rules = iptables.trail(
        path.after, path.before, flow.original.target, flow.original.target_port, flow.backend
    )
    lines = list(_counted(path, rules))
    onward = route(flow.reply.source)
    lines += [f"conntrack: {flow}", f"ip route get {flow.reply.source}: {onward}"]
    owner = _owner(addresses, flow.reply.source)
    if not rules:
        return Why(f"{answer['from']} -> {goal}, straight to {owner}", tuple(lines))
    chosen = next((rule for rule in rules if rule.target.startswith("KUBE-SEP-")), rules[-1])
    among = iptables.choices(path.after, chosen)
    pick = f"rule {among.index(chosen) + 1} of {len(among)}" if chosen in among else "its rule"
    if chosen in among and len(among) > 1:
        pick += f" (p={chosen.probability:.3g})"
    sentence = (
        f"{answer['from']} -> {goal} ({rules[0].comment.split(' ')[0]}), {pick}, to {owner} at "
        f"{flow.backend}, translated on node {path.node}"
    )
    if gateway := _VIA.search(onward):
        sentence += f", by way of {_owner(addresses, gateway[1])}"
    if flow.seen_from != flow.original.source:
        sentence += f"; {owner} sees {flow.seen_from}, not {flow.original.source}"
    return Why(sentence, tuple(lines))


def refused(
    answer: Document,
    target: tuple[str, int],
    *,
    path: Datapath | None,
    route: str,
    routes: Sequence[str],
    addresses: Mapping[str, Document],
) -> Why:
    """Why a connection wasn't answered.

    Args:
        answer: the probe's answer; its ``reason`` is what the client saw.
        target: the address and port that were asked for.
        path: the node that would have translated it, if any.
        route: what ``ip route get`` says where the probe started.
        routes: the destinations that place has routes for.
        addresses: who has which address, from the facts.
    """
    address, port = target
    place = answer["from"]
    if answer["reason"] == "unresolved":
        return Why(f"{place} asked nobody at {answer['target']}: {answer['reason']}")
    told = tuple(line for line in [f"ip route get {address}: {route}"] if route)
    if answer["reason"] == "no_route":
        known = ", ".join(routes) or "none at all"
        return Why(f"{place} has no route to {address}; its routes: {known}", told)
    if path is not None:
        rules = iptables.refusals(path.after, path.before, address, port)
        if rules:
            return Why(
                f"node {path.node} refuses {address}:{port}: {rules[0].comment} "
                f"({rules[0].target})",
                (*_counted(path, rules), *told),
            )
        if ways := iptables.taken(path.after, path.before, address, port):
            return _behind(answer, target, path, ways, addresses)
    owner = _owner(addresses, address)
    if answer["reason"] == "refused":
        return Why(f"{owner} answered that nothing listens on its port {port}", told)
    return Why(f"no answer from {owner} at {address}:{port}: {answer['reason']}", told)


def _behind(
    answer: Document,
    target: tuple[str, int],
    path: Datapath,
    ways: Sequence[Sequence[Rule]],
    addresses: Mapping[str, Document],
) -> Why:
    """Why a connection that a service's rules led to a pod wasn't answered as it should be.

    The kernel forgets a refused connection at once, so of several pods it can't be told which.
    """
    backends = dict.fromkeys(way[-1].value("--to-destination") for way in ways)
    goals = " or ".join(
        f"{_owner(addresses, backend.rpartition(':')[0])} at {backend}" for backend in backends
    )
    refused = answer["reason"] == "refused"
    said = "where nothing listens" if refused else f"and no answer came: {answer['reason']}"
    rules = dict.fromkeys(rule for way in ways for rule in way)
    return Why(
        f"node {path.node} led {target[0]}:{target[1]} ({ways[0][0].comment.split(' ')[0]}) to "
        f"{goals}, {said}",
        _counted(path, rules),
    )


def _counted(path: Datapath, rules: Iterable[Rule]) -> tuple[str, ...]:
    """Rules as text, each with how many packets it has matched meanwhile."""
    return tuple(f"[+{iptables.counted(path.before, rule)}] {rule.text}" for rule in rules)


def _owner(addresses: Mapping[str, Document], address: str) -> str:
    """Who has an address, as people call them."""
    owner = addresses.get(address, {}).get("owner")
    return str(owner) if owner else address
