"""What the agents of a survey ask, and which answer is right. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.survey import objects
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.objects import Site
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.plan import Pair

OK = "ok"
REFUSALS = ("timeout", "refused", "unreachable", "reset", "no_route")
# How often each pair is asked, so that there are times to tell of.
_TIMES = 3
# With two pods behind a service, one is never chosen in 2e-6 of the cases.
_MANY = 20
_FEW = 6
NOBODY = "latihan-nobody"


@dataclass(frozen=True)
class Want:
    """Which answer is right.

    Args:
        reasons: the reasons that are.
        names: who may answer; empty for anybody.
        seen: as whose address the other side may see the one that asks; empty for any.
        addresses: what a name has to lead to; empty for anything.
        answerers: how many different ones have to answer: 1, or 2 for more than one; 0 for any.
        if_answered: without an answer there is nothing to say.
    """

    reasons: tuple[str, ...] = (OK,)
    names: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    answerers: int = 0
    if_answered: bool = False


@dataclass(frozen=True)
class SurveyQuestion:
    """One cell of a matrix: who asks what, and what is right.

    Args:
        matrix: the matrix's name.
        row: the node that asks.
        column: what is asked: a node, a service, or a name.
        agent: the pod that asks.
        kind: tcp, udp, icmp, mtu or dns.
        to: the address or the name.
        port: 0 if the kind has none.
        times: how often.
        want: which answer is right.
    """

    matrix: str
    row: str
    column: str
    agent: str
    kind: str
    to: str
    port: int = 0
    times: int = 1
    want: Want = field(default_factory=Want)

    @property
    def request(self) -> ApiObject:
        """The question as the agent takes it."""
        return {"kind": self.kind, "to": self.to, "port": self.port, "times": self.times}


@dataclass(frozen=True)
class Served:
    """A service: its addresses, first that of the cluster's first family, and its node ports."""

    addresses: tuple[str, ...]
    node_ports: Mapping[str, int]


@dataclass(frozen=True)
class Made:
    """What runs.

    Args:
        sites: the nodes where both agents, or that in the pod network alone, answer.
        pods: the addresses of the pods by their names, first that of the first family.
        hosts: the pods in their nodes' networks that answer.
        services: the services by their names.
        port: where the agents answer.
        namespace: where all this is.
        outside: names outside the cluster to resolve.
    """

    sites: tuple[Site, ...]
    pods: Mapping[str, tuple[str, ...]]
    hosts: frozenset[str]
    services: Mapping[str, Served]
    port: int
    namespace: str
    outside: tuple[str, ...] = ()

    @property
    def families(self) -> int:
        """How many address families all the pods have."""
        return min((len(self.pods[site.pod]) for site in self.sites), default=0)


def questions(made: Made, pairs: Sequence[Pair]) -> list[SurveyQuestion]:
    """All that is asked while nothing denies it.

    Args:
        made: what runs.
        pairs: who asks whom, by their nodes' names.
    """
    by_node = {site.node: site for site in made.sites}
    asked = [(by_node[a], by_node[b]) for a, b in pairs if a in by_node and b in by_node]
    # On its own node a pod is asked by the node, and asks it; and it asks its own service.
    within = [*asked, *((site, site) for site in made.sites)]
    found = [
        *_between_pods(made, asked),
        *_with_nodes(made, asked, within),
        *_of_services(made, within),
        *_of_node_ports(made, asked, within),
        *_of_names(made),
        *_of_sessions(made),
        *_of_the_second_family(made, asked, within),
        *of_port("policy_open", made, asked, made.port + 1),
    ]
    return list(found)


def of_port(
    matrix: str, made: Made, pairs: Iterable[tuple[Site, Site]], port: int, want: Want | None = None
) -> Iterator[SurveyQuestion]:
    """Connections between pods at a port."""
    for a, b in pairs:
        to = made.pods[b.pod][0]
        yield SurveyQuestion(
            matrix, a.node, b.node, a.pod, "tcp", to, port, want=want or _by(b.pod)
        )


def of_policy(made: Made, pairs: Sequence[Pair], *, allowed: bool) -> list[SurveyQuestion]:
    """What is asked while a policy allows one port and denies the other."""
    by_node = {site.node: site for site in made.sites}
    asked = [(by_node[a], by_node[b]) for a, b in pairs if a in by_node and b in by_node]
    if allowed:
        return list(of_port("policy_allowed", made, asked, made.port))
    return list(of_port("policy_denied", made, asked, made.port + 1, Want(REFUSALS)))


def _by(*pods: str) -> Want:
    return Want(names=frozenset(pods))


def _between_pods(made: Made, pairs: Sequence[tuple[Site, Site]]) -> Iterator[SurveyQuestion]:
    for a, b in pairs:
        to, by = made.pods[b.pod][0], _by(b.pod)
        own = Want(seen=frozenset(made.pods[a.pod]), if_answered=True)
        ends = (a.node, b.node, a.pod)
        yield SurveyQuestion("pod_tcp", *ends, "tcp", to, made.port, _TIMES, by)
        yield SurveyQuestion("pod_udp", *ends, "udp", to, made.port, _TIMES, by)
        yield SurveyQuestion("pod_icmp", *ends, "icmp", to)
        yield SurveyQuestion("source_tcp", *ends, "tcp", to, made.port, want=own)
        yield SurveyQuestion("source_udp", *ends, "udp", to, made.port, want=own)
        yield SurveyQuestion("mtu", *ends, "mtu", to, made.port, want=by)


def _with_nodes(
    made: Made, pairs: Sequence[tuple[Site, Site]], within: Sequence[tuple[Site, Site]]
) -> Iterator[SurveyQuestion]:
    kinds = (("tcp", made.port), ("udp", made.port), ("icmp", 0))
    for kind, port in kinds:
        for a, b in within:
            if b.host in made.hosts:
                ends, want = (a.node, b.node, a.pod), _answered(kind, b.host)
                yield SurveyQuestion(
                    f"pod_node_{kind}", *ends, kind, b.addresses[0], port, want=want
                )
            if a.host in made.hosts:
                ends, want = (a.node, b.node, a.host), _answered(kind, b.pod)
                yield SurveyQuestion(
                    f"node_pod_{kind}", *ends, kind, made.pods[b.pod][0], port, 1, want
                )
        for a, b in pairs:
            if {a.host, b.host} <= made.hosts:
                ends, want = (a.node, b.node, a.host), _answered(kind, b.host)
                yield SurveyQuestion(
                    f"node_node_{kind}", *ends, kind, b.addresses[0], port, want=want
                )


def _answered(kind: str, name: str) -> Want:
    """An echo reply doesn't say who sent it."""
    return Want() if kind == "icmp" else _by(name)


def _of_services(made: Made, within: Sequence[tuple[Site, Site]]) -> Iterator[SurveyQuestion]:
    for a, b in within:
        to = made.services[b.service].addresses[0]
        for kind in ("tcp", "udp"):
            ends = (a.node, b.node, a.pod)
            yield SurveyQuestion(f"service_{kind}", *ends, kind, to, made.port, want=_by(b.pod))


def _of_node_ports(
    made: Made, pairs: Sequence[tuple[Site, Site]], within: Sequence[tuple[Site, Site]]
) -> Iterator[SurveyQuestion]:
    everyone = _by(*(site.pod for site in made.sites))
    ports = made.services[objects.ANY].node_ports
    for kind in ("tcp", "udp"):
        for a, b in within:
            to, port = b.addresses[0], ports[kind]
            ends = (f"pod_port_{kind}", a.node, b.node, a.pod, kind)
            yield SurveyQuestion(*ends, to, port, want=everyone)
            if a.host in made.hosts:
                ends = (f"node_port_{kind}", a.node, b.node, a.host, kind)
                yield SurveyQuestion(*ends, to, port, want=everyone)
    # Of a node's own packets, and of those of pods, each implementation may make what it likes.
    first = made.sites[0]
    for a, b in pairs:
        if a.host not in made.hosts:
            continue
        asked = [(objects.LOCAL, "local")]
        # The one pod behind the other service may be one that doesn't run.
        asked += [(objects.ALONE, "alone")] if first.number == 1 else []
        for name, matrix in asked:
            port = made.services[name].node_ports["tcp"]
            kept = frozenset(a.addresses)
            # Whoever answers for a node without a pod must keep the client's address at least.
            elsewhere = name == objects.ALONE and b is not first
            want = Want(
                reasons=(*REFUSALS, OK) if elsewhere else (OK,),
                names=frozenset([first.pod if name == objects.ALONE else b.pod]),
                seen=kept,
            )
            yield SurveyQuestion(
                matrix, a.node, b.node, a.host, "tcp", b.addresses[0], port, want=want
            )


def _of_names(made: Made) -> Iterator[SurveyQuestion]:
    own = frozenset(made.services[objects.ANY].addresses)
    pods = frozenset(address for site in made.sites for address in made.pods[site.pod])
    full = f"{objects.ANY}.{made.namespace}"
    names = [
        (objects.ANY, objects.ANY, Want(addresses=own)),
        (full, f"{full}.{{services}}", Want(addresses=own)),
        ("kubernetes.default", "kubernetes.default", Want()),
        (NOBODY, f"{NOBODY}.{made.namespace}.{{services}}", Want(("no_such_name",))),
    ]
    headless = f"{objects.HEADLESS}.{made.namespace}.{{services}}"
    for site in made.sites:
        agents = [("pod_names", site.pod)]
        agents += [("node_names", site.host)] if site.host in made.hosts else []
        for matrix, agent in agents:
            for column, name, want in names:
                yield SurveyQuestion(matrix, site.node, column, agent, "dns", name, want=want)
        for name in made.outside:
            yield SurveyQuestion("outside_names", site.node, name, site.pod, "dns", f"{name}.")
        ends = ("headless", site.node, objects.HEADLESS, site.pod)
        yield SurveyQuestion(*ends, "dns", headless, want=Want(addresses=pods))


def _of_sessions(made: Made) -> Iterator[SurveyQuestion]:
    sticky, each = (made.services[name].addresses[0] for name in (objects.STICKY, objects.ANY))
    for site in made.sites:
        ends = (site.node, objects.STICKY, site.pod, "tcp", sticky, made.port, _FEW)
        yield SurveyQuestion("sticky", *ends, Want(answerers=1))
        if len(made.sites) > 1:
            ends = (site.node, objects.ANY, site.pod, "tcp", each, made.port, _MANY)
            yield SurveyQuestion("spread", *ends, Want(answerers=2))


def _of_the_second_family(
    made: Made, pairs: Sequence[tuple[Site, Site]], within: Sequence[tuple[Site, Site]]
) -> Iterator[SurveyQuestion]:
    if made.families < 2:  # noqa: PLR2004 - IPv4 and IPv6
        return
    for a, b in pairs:
        to, by, ends = made.pods[b.pod][1], _by(b.pod), (a.node, b.node, a.pod)
        yield SurveyQuestion("second_tcp", *ends, "tcp", to, made.port, _TIMES, by)
        yield SurveyQuestion("second_udp", *ends, "udp", to, made.port, _TIMES, by)
        yield SurveyQuestion("second_icmp", *ends, "icmp", to)
        yield SurveyQuestion("second_mtu", *ends, "mtu", to, made.port, want=by)
    for a, b in within:
        addresses = made.services[b.service].addresses
        if len(addresses) > 1:
            ends = (a.node, b.node, a.pod)
            yield SurveyQuestion(
                "second_service", *ends, "tcp", addresses[1], made.port, want=_by(b.pod)
            )
