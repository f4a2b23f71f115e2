"""Say in words why a connection got where it did, or didn't. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    HttpYield,
    ProbeResult,
    Why,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why import conntrack, iptables
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.conntrack import Connection
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.iptables import (
    Chains,
    NativeRule,
    Rule,
)

# ip-route(8): the next hop; a route without one leads straight to its goal.
_VIA = re.compile(r"\bvia (\S+)")


@dataclass(frozen=True)
class Datapath:
    """What a node's kernel shows: its rules before and after the probes, and its connections."""

    node: str
    before: Chains
    after: Chains
    connections: Sequence[Connection]


def carried(
    answer: ProbeResult,
    served: HttpYield,
    path: Datapath,
    facts: Facts,
    route: Callable[[str], str],
) -> Why | None:
    """Why a connection that was answered went where it went.

    Args:
        answer: the probe's answer.
        served: what the server answered, and from which address and port to which address.
        path: the node whose kernel translated it.
        facts: the facts, which know who has which address.
        route: returns what ``ip route get`` says about an address on that node.

    Returns:
        None if the node's kernel doesn't know the connection.
    """
    connection = conntrack.find(
        path.connections,
        served.local_ip or "",
        int(served.local_port or 0),
        served.remote_ip or "",
    )
    if connection is None:
        return None
    asked = connection.original
    goal = f"{asked.target}:{asked.target_port}"
    rules = iptables.trail(
        path.after, path.before, asked.target, asked.target_port, connection.backend
    )
    lines = list(_counted(path, rules))
    onward = route(connection.reply.source)
    lines += [f"conntrack: {connection}", f"ip route get {connection.reply.source}: {onward}"]
    owner = _owner(facts, connection.reply.source)
    if not rules and connection.reply.source != asked.target:
        return _why(
            f"{answer.from_} -> {goal}, to {owner} at {connection.backend}, translated on node "
            f"{path.node} by something other than rules of kube-proxy",
            tuple(lines),
        )
    if not rules:
        return _why(f"{answer.from_} -> {goal}, straight to {owner}", tuple(lines))
    chosen = next((rule for rule in rules if rule.target.startswith("KUBE-SEP-")), rules[-1])
    among = iptables.choices(path.after, chosen)
    pick = f"rule {among.index(chosen) + 1} of {len(among)}" if chosen in among else "its rule"
    if chosen in among and len(among) > 1:
        pick += f" (p={chosen.probability:.3g})"
    sentence = (
        f"{answer.from_} -> {goal} ({rules[0].comment.split(' ')[0]}), {pick}, to {owner} at "
        f"{connection.backend}, translated on node {path.node}"
    )
    if gateway := _VIA.search(onward):
        sentence += f", by way of {_owner(facts, gateway[1])}"
    if connection.seen_from != connection.original.source:
        sentence += f"; {owner} sees {connection.seen_from}, not {connection.original.source}"
    return _why(sentence, tuple(lines))


def refused(
    answer: ProbeResult,
    target: tuple[str, int],
    *,
    path: Datapath | None,
    route: str,
    routes: Sequence[str],
    facts: Facts,
) -> Why:
    """Why a connection wasn't answered.

    Args:
        answer: the probe's answer; its ``reason`` is what the client saw.
        target: the address and port that were asked for.
        path: the node that would have translated it, if any.
        route: what ``ip route get`` says where the probe started.
        routes: the destinations that place has routes for.
        facts: the facts, which know who has which address.
    """
    address, port = target
    place = answer.from_
    if answer.reason == "unresolved":
        return _why(f"{place} found no address for {answer.target}: {answer.reason}")
    lines = tuple(line for line in [f"ip route get {address}: {route}"] if route)
    if answer.reason == "no_route":
        known = ", ".join(routes) or "none"
        return _why(f"{place} has no route to {address}; its routes: {known}", lines)
    if path is not None:
        rules = iptables.refusals(path.after, path.before, address, port)
        if rules:
            return _why(
                f"node {path.node} refuses {address}:{port}: {rules[0].comment} "
                f"({rules[0].target})",
                (*_counted(path, rules), *lines),
            )
        if ways := iptables.taken(path.after, path.before, address, port):
            return _behind(answer, target, path, ways, facts)
    owner = _owner(facts, address)
    if answer.reason == "refused":
        return _why(f"{owner} answered that nothing listens on its port {port}", lines)
    return _why(f"no answer from {owner} at {address}:{port}: {answer.reason}", lines)


def _behind(
    answer: ProbeResult,
    target: tuple[str, int],
    path: Datapath,
    ways: Sequence[Sequence[Rule]],
    facts: Facts,
) -> Why:
    """Why a connection that a service's rules led to a pod wasn't answered as it should be.

    The kernel forgets a refused connection at once, so it may have been any of several pods.
    """
    backends = dict.fromkeys(way[-1].value("--to-destination") for way in ways)
    goals = " or ".join(
        f"{_owner(facts, backend.rpartition(':')[0])} at {backend}" for backend in backends
    )
    refused = answer.reason == "refused"
    said = "where nothing listens" if refused else f"and no answer came: {answer.reason}"
    rules = dict.fromkeys(rule for way in ways for rule in way)
    return _why(
        f"node {path.node} led {target[0]}:{target[1]} ({ways[0][0].comment.split(' ')[0]}) to "
        f"{goals}, {said}",
        _counted(path, rules),
    )


def _why(sentence: str, lines: Iterable[str] = ()) -> Why:
    return Why(sentence=sentence, lines=list(lines))


def _counted(path: Datapath, rules: Iterable[Rule]) -> tuple[str, ...]:
    """Rules as text, each with the number of packets that it has matched meanwhile if it counts."""
    return tuple(
        rule.text
        if isinstance(rule, NativeRule)
        else f"[+{iptables.counted(path.before, rule)}] {rule.text}"
        for rule in rules
    )


def _owner(facts: Facts, address: str) -> str:
    """Who has an address; the address itself if nobody does."""
    return facts.owner(address) or address
