"""Ask the lab for what an explanation is made of: rules, connections, routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Reachable,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import nftables
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    HttpYield,
    ProbeResult,
    Why,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.targets import (
    address_and_port,
    service_named,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why import conntrack, iptables
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.conntrack import Connection
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.explain import (
    Datapath,
    carried,
    refused,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.iptables import Chains

_HTTP = 80  # the port of a URL without one
_MARK = "@connections"
_RULESET, _PRINTED = "@ruleset", "@printed"
_KUBE_PROXY = "list table ip kube-proxy 2>/dev/null"
_READ = (
    f"iptables-save -c; echo {_RULESET}; nft -json {_KUBE_PROXY}; echo {_PRINTED};"
    f" nft -a {_KUBE_PROXY}; echo {_MARK}; conntrack -L -o xml 2>/dev/null"
)


@dataclass(frozen=True)
class Moment:
    """A node's rules and connections at one moment; ``table`` is its connections as XML."""

    rules: Chains
    table: str

    @cached_property
    def connections(self) -> Sequence[Connection]:
        """The connections; most nodes' are never asked for, and hundreds take long to read."""
        return conntrack.parse(self.table)


Moments = Mapping[str, Moment]


def read(contract: Contract) -> dict[str, Moment]:
    """Read every running node's rules and connections at the same time; by the node's name."""
    entries = contract.insides
    with ThreadPoolExecutor() as pool:
        texts = pool.map(
            lambda enter: run([*enter, "sh", "-c", _READ], check=False).stdout, entries.values()
        )
        return {name: _moment(text) for name, text in zip(entries, texts, strict=True)}


def _moment(text: str) -> Moment:
    rest, _mark, connections = text.partition(f"{_MARK}\n")
    rules, _mark, native = rest.partition(f"{_RULESET}\n")
    ruleset, _mark, printed = native.partition(f"{_PRINTED}\n")
    chains = iptables.parse(rules) | nftables.chains(nftables.parse(ruleset), printed)
    return Moment(chains, connections)


def reasons(
    contract: Contract,
    facts: Facts,
    answers: Sequence[ProbeResult],
    *,
    before: Moments,
    after: Moments,
) -> list[Why]:
    """Why each of these answers came out as it did.

    Args:
        contract: the lab.
        facts: the facts that the probes were made from.
        answers: the answers of http probes.
        before: the nodes before the probes.
        after: the nodes after them.

    Returns:
        Each different reason once.
    """
    found: dict[str, Why] = {}
    routes = _Routes(contract)
    for answer in answers:
        why = _reason(routes, facts, answer, before, after)
        if why is not None:
            found.setdefault(why.sentence, why)
    return list(found.values())


def _reason(
    routes: _Routes, facts: Facts, answer: ProbeResult, before: Moments, after: Moments
) -> Why | None:
    place = answer.from_
    name, port = address_and_port(answer.target)
    served = answer.yields if isinstance(answer.yields, HttpYield) else HttpYield()
    address = served.remote_ip or address_of(facts, place, name)
    node = translating_node(facts, place, address)
    path = None
    if node in after:
        earlier = before[node].rules if node in before else {}
        path = Datapath(node, earlier, after[node].rules, after[node].connections)
    if served.status is not None:  # It was answered, if only with "not found".
        on_node = partial(routes.to, f"node/{node}")
        return carried(answer, served, path, facts, on_node) if path else None
    return refused(
        answer,
        (address, port or _HTTP),
        path=path,
        route=routes.to(place, address),
        routes=routes.known(place),
        facts=facts,
    )


def address_of(facts: Facts, place: str, name: str) -> str:
    """The address of a service that a pod calls by its name; any other name as it is.

    curl reports the address only of a server that it reached.
    """
    service = service_named(name, facts) if place.startswith("pod/") else ""
    return (facts.services[service].cluster_ip if service else None) or name


def translating_node(facts: Facts, place: str, address: str) -> str:
    """The node whose kernel translates a connection.

    For what a pod or a node sends, this is its own node. For what comes from the host, it is the
    node that has the address or, for a service's own address, the first node, where the host's
    route to the services leads.
    """
    kind, _, rest = place.partition("/")
    if kind == "node":
        return rest
    if kind == "pod":
        pod = facts.pods.get(rest.split("/")[0])
        return (pod.node if pod else None) or ""
    owner = facts.owner(address) or ""
    return owner.removeprefix("node/") if owner.startswith("node/") else facts.lab.nodes[0]


def destinations(listed: str) -> list[str]:
    """The destinations in what ``ip -json route show`` printed; none if it isn't that."""
    try:
        routes = json_text.read(listed)
    except ValueError:
        return []
    found = (
        (each.get("dst") for each in routes if isinstance(each, dict))
        if isinstance(routes, list)
        else ()
    )
    return [each for each in found if isinstance(each, str)]


class _Routes:
    """What ``ip`` says about routes on the host and on nodes, asked once each; empty elsewhere."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._said: dict[tuple[str, ...], tuple[str, str]] = {}

    def to(self, place: str, address: str) -> str:
        """The route to an address, or why there is none, in one line."""
        route, trouble = self._ask(place, "route", "get", address)
        return (route or trouble).partition("\n")[0]

    def known(self, place: str) -> list[str]:
        """The destinations that a place has routes for."""
        listed, _trouble = self._ask(place, "-json", "route", "show")
        return destinations(listed)

    def _ask(self, place: str, *arguments: str) -> tuple[str, str]:
        kind, _, name = place.partition("/")
        reach = self._contract.reach(name or HOST) if kind in ("host", "node") else None
        if not isinstance(reach, Reachable):
            return "", ""
        if (place, *arguments) not in self._said:
            done = run([*reach.enter, "ip", *arguments], check=False)
            self._said[place, *arguments] = done.stdout.strip(), done.stderr.strip()
        return self._said[place, *arguments]
