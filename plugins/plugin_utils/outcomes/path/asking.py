"""From a place and a target to a walk: what is asked, its name, its service, its way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import (
    names,
    programs,
    services,
    walk,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import (
    inside,
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import HOST
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import (
    DNS_SERVICE,
    ApiState,
    Service,
    selected,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import (
    LOST,
    NO_NAME,
    PASSES,
    UNSEEN,
    Departure,
    PacketWay,
    Walk,
    WayStep,
    each_once,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.targets import address_and_port

_PORTS = {"http": 80, "https": 443}
_DNS_PORT = 53


@dataclass(frozen=True)
class Question:
    """What is asked, and from where.

    Args:
        start: the place that asks.
        protocol: tcp, udp or icmp.
        name: the name or address that is asked for.
        port: the port there; 0 for icmp.
        wanted: whether an answer is known to have to come (or not to); None if that isn't known.
        large: whether packets are as large as the sender's link takes.
        only_name: whether only the name's address is asked for.
    """

    start: str
    protocol: str
    name: str
    port: int
    wanted: bool | None = None
    large: bool = False
    only_name: bool = False


def place(cluster: ApiState, text: str) -> str:
    """The place that a text like host, node/NAME, pod/NAME or pod/NAMESPACE/NAME means.

    Raises:
        LabError: there is none.
    """
    kind, _, name = text.partition("/")
    if text == "host":
        return text
    known = {
        "node": {node: f"node/{node}" for node in cluster.nodes},
        "pod": {each.name: each.place for each in cluster.pods.values()},
    }.get(kind)
    if known is None or not name:
        raise LabError(f"{text!r} is not a place.", "Use host, node/NAME or pod/NAME.", Kind.INPUT)
    for each in (name, f"{cluster.namespace}/{name}", f"{cluster.namespace}/{name.split('/')[0]}"):
        if each in known:
            return known[each]
    there = ", ".join(sorted(each.removeprefix(f"{cluster.namespace}/") for each in known))
    raise LabError(f"There is no {kind} {name!r}.", f"There are: {there or 'none'}.", Kind.INPUT)


def question(cluster: ApiState, start: str, target: str) -> Question:
    """What a command line asks for.

    Args:
        cluster: the lab.
        start: where from, as in ``place``.
        target: a URL, an address or name with or without a port, or a place; a place or an address
            without a port is pinged.

    Raises:
        LabError: the start is no place, or the target can't be read.
    """
    begin = place(cluster, start)
    scheme, split, rest = target.partition("://")
    if not split:
        scheme, rest = "", target
    if rest == "host" or rest.startswith(("pod/", "node/", "host:")):
        text, colon, port = rest.partition(":")
        address = _address(cluster, place(cluster, text))
        rest = f"{address}{colon}{port}"
    address, number = address_and_port(f"{scheme or 'any'}://{rest}")
    if not address or (number is None and ":" in rest.partition("/")[0]):
        raise LabError(
            f"{target!r} is not a target.",
            "Use a URL, ADDRESS:PORT, udp://ADDRESS:PORT, an address, pod/NAME or node/NAME.",
            Kind.INPUT,
        )
    if ":" in address:
        raise LabError(
            f"{address} is an address of IPv6, and only packets of IPv4 are followed.",
            "Ask for an address of IPv4; a survey asks in both families.",
            Kind.INPUT,
        )
    if scheme == "udp":
        return Question(begin, "udp", address, number or _DNS_PORT)
    if number is None and scheme not in _PORTS:
        return Question(begin, "icmp", address, 0)
    return Question(begin, "tcp", address, number or _PORTS[scheme])


def _address(cluster: ApiState, where: str) -> str:
    """The address of a place."""
    kind, _, name = where.partition("/")
    if kind == "host":
        return cluster.contract.host_address
    found = cluster.nodes[name].internal_ip if kind == "node" else cluster.pods[name].info.ip
    if not found:
        raise LabError(f"{shown(where)} has no address.", "Is it running?", Kind.INPUT)
    return found


def places_of(cluster: ApiState, asked: Sequence[Question]) -> set[str]:
    """The pods, as NAMESPACE/NAME, that questions may lead to, and those of the cluster's DNS."""
    found = {each.start.removeprefix("pod/") for each in asked if each.start.startswith("pod/")}
    wanted = [service for each in asked for service in _services(cluster, each)]
    dns = cluster.services.get("/".join(DNS_SERVICE))
    for service in [*wanted, *([dns] if dns else [])]:
        addresses = {each.address for port in service.backends.values() for each in port}
        found |= {pod.name for pod in cluster.pods.values() if pod.info.ip in addresses}
    asked_for = {each.name for each in asked}
    return found | {pod.name for pod in cluster.pods.values() if pod.info.ip in asked_for}


def _services(cluster: ApiState, asked: Question) -> Iterator[Service]:
    """The services that a question is for."""
    node_addresses = {address for node in cluster.nodes.values() for address in node.addresses}
    local = asked.name in node_addresses or asked.name in cluster.nodes
    for service in cluster.services.values():
        own = {service.info.name, f"{service.info.name}.{service.namespace}"}
        named = asked.name in own or asked.name.startswith(
            f"{service.info.name}.{service.namespace}.svc"
        )
        addressed = asked.name == service.info.cluster_ip or asked.name in service.info.external_ips
        by_port = local and any(asked.port == each.node_port for each in service.info.ports)
        in_namespace = "." in asked.name or asked.start.startswith(f"pod/{service.namespace}/")
        if (named and in_namespace) or addressed or by_port:
            yield service


def follow(world: World, asked: Question, down: str = "") -> Walk:
    """Walk the way of a question.

    Args:
        world: the lab.
        asked: the question.
        down: a node that is down on purpose.
    """
    ways: list[PacketWay] = []
    for named in _resolved(world, asked):
        if named.ended is not None:
            ways.append(named.ended)
            continue
        steps = named.steps
        if asked.only_name:
            ways.append(PacketWay(steps, PASSES, named.departures))
            continue
        goal = (asked.protocol, named.address, asked.port)
        more = walk.ways(world, asked.start, goal, wanted=asked.wanted, large=asked.large)
        ways += [
            replace(
                each, steps=(*steps, *each.steps), departures=(*named.departures, *each.departures)
            )
            for each in more
        ]
    ways = [_unjudged(world, each) for each in ways]
    if asked.wanted and all(each.end == NO_NAME and not each.departures for each in ways):
        ways = [replace(each, departures=(_nameless(asked),)) for each in ways]
    firsts = [each.departures[0] for each in ways if each.departures]
    rest = [departure for each in ways for departure in each.departures[1:]]
    # What no packet of this size meets comes last.
    nearest = sorted(firsts, key=lambda each: each.layer == "link" and each.id == "mtu-too-large")
    behind = [
        departure
        for service in _services(world.cluster, asked)
        for departure in (
            *_without_port(service, asked),
            *services.departures(world, service, down),
        )
    ]
    unread = tuple(
        f"{shown(each)}: {why}" for each, why in world.unseen.items() if _met(ways, each)
    )
    text = f"{asked.protocol} {asked.name}" + (f":{asked.port}" if asked.port else "")
    return Walk(
        shown(asked.start),
        text,
        tuple(ways),
        each_once([*nearest, *rest, *behind]),
        unread,
    )


def _without_port(service: Service, asked: Question) -> Iterator[Departure]:
    by_node = any(asked.port == each.node_port for each in service.info.ports)
    missing = None if by_node else services.without_port(service, asked.port, asked.protocol)
    if missing is not None:
        yield missing


def _nameless(asked: Question) -> Departure:
    """A name that should have an address, but that nothing in the cluster has."""
    return Departure(
        "no-such-service",
        f"service/{asked.name}",
        "service",
        f"there is a service {asked.name}",
        f"There is no service {asked.name} that {shown(asked.start)} can ask for by this name",
        "python3 runner.py kubectl get services --all-namespaces",
    )


def _unjudged(world: World, way: PacketWay) -> PacketWay:
    """A way that is as expected, but for rules on it that are not judged."""
    if way.departures:
        return way
    met = {step.place for step in way.steps}
    nodes = {shown(each) for each in world.networks if each.startswith("node/")}
    found = []
    for network in world.networks.values():
        # Packets between nodes pass the bridge of the host.
        if shown(network.place) in met or (network.place == HOST and len(met & nodes) > 1):
            found += [_unjudged_table(network.place, name) for name in network.refusing]
    return replace(way, departures=tuple(found))


def _unjudged_table(place_: str, name: str) -> Departure:
    return Departure(
        "foreign-rule",
        place_,
        "filter",
        f"only rules of Kubernetes and of CNI are in {shown(place_)}",
        f"nftables has the table {name} in {shown(place_)}, which drops or changes packets; which"
        " ones is not judged",
        inside(place_, f"nft list table {name}"),
        inside(place_, f"nft delete table {name}"),
        certain=False,
    )


def _met(ways: Sequence[PacketWay], place_: str) -> bool:
    return any(step.place == shown(place_) for way in ways for step in way.steps)


@dataclass(frozen=True)
class _Named:
    """An address of a name; ``ended`` if none was found, or the way to it isn't as expected."""

    address: str = ""
    steps: tuple[WayStep, ...] = ()
    departures: tuple[Departure, ...] = ()
    ended: PacketWay | None = None


def _resolved(world: World, asked: Question) -> Iterator[_Named]:
    """The addresses that a question's name has where it is asked."""
    try:
        IPv4Address(asked.name)
    except AddressValueError:
        pass
    else:
        yield _Named(asked.name)
        return
    network = world.networks.get(asked.start)
    wanted = names.known_addresses(world, asked.start, asked.name)
    should = (
        f"{asked.name} is {' or '.join(wanted)}"
        if wanted
        else f"no address of {asked.name} is known"
    )
    here = shown(asked.start)
    if network is None:
        for address in wanted:
            yield _Named(address, (WayStep(here, should, "not looked into"),))
        if not wanted:
            step = WayStep(here, should, "not looked into")
            yield _Named(ended=PacketWay((step,), UNSEEN))
        return
    entry = names.in_hosts(network, asked.name)
    if entry:
        wrong = names.wrong_entry(world, network, asked.name, entry)
        said = f"{asked.name} is {entry}, by the hosts file"
        step = WayStep(here, should, said, departs=wrong is not None)
        yield _Named(entry, (step,), (wrong,) if wrong else ())
        return
    changed = [each for each in names.changed(world, asked.start) if each.id == "resolver-changed"]
    if changed:
        first = changed[0]
        step = WayStep(here, first.expected, first.actual, departs=True)
        yield _Named(ended=PacketWay((step,), LOST, tuple(changed)))
        return
    yield from _asked_server(world, asked, wanted, should)


def _asked_server(
    world: World, asked: Question, wanted: Sequence[str], should: str
) -> Iterator[_Named]:
    """The addresses that a name server gives, if its answers come."""
    here = shown(asked.start)
    servers = names.servers_of(world.networks[asked.start])
    if not servers:
        if wanted:
            missing = Departure(
                "resolver-changed", asked.start, "name", should,
                f"resolv.conf of {here} names no name server",
                fix="Write one into it.",
            )  # fmt: skip
            yield _Named(ended=PacketWay((), LOST, (missing,)))
        else:
            yield _Named(ended=PacketWay((WayStep(here, should, "no name server"),), NO_NAME))
        return
    query = walk.ways(world, asked.start, ("udp", servers[0], _DNS_PORT), wanted=True)
    steps = (WayStep(here, f"{servers[0]} tells addresses of names", f"it asks {servers[0]}"),)
    failed = [each for each in query if each.departures or each.end not in (PASSES, UNSEEN)]
    for each in failed:
        why = (
            *each.departures,
            *_behind_names(world, asked, servers[0], refused=not each.departures),
        )
        yield _Named(ended=replace(each, steps=(*steps, *each.steps), departures=why))
    if failed:
        return
    if not wanted:
        known = "." not in asked.name or asked.name.endswith((names.DOMAIN, ".svc"))
        said = f"{servers[0]} says that there is no such name" if known else "not looked at"
        step = WayStep(here, should, said)
        yield _Named(ended=PacketWay((*steps, step), NO_NAME if known else UNSEEN))
    for address in wanted:
        yield _Named(address, (*steps, WayStep(here, should, f"{servers[0]} answers; {should}")))


def _behind_names(
    world: World, asked: Question, server: str, *, refused: bool
) -> Iterator[Departure]:
    """What is wrong with the name server itself, if it is the cluster's."""
    service = world.cluster.services.get("/".join(DNS_SERVICE))
    if service is None or service.info.cluster_ip != server:
        if refused:
            yield Departure(
                "resolver-changed", asked.start, "name", f"a name server answers at {server}",
                f"nothing answers at {server}", fix="Put the right one into resolv.conf.",
            )  # fmt: skip
        return
    if refused:
        for pod in selected(world.cluster, service):
            yield from programs.stopped_in(world, pod.place)
        if not selected(world.cluster, service) and _has_pods(world.cluster, service):
            # What the packets meet, and not only a service that something else may have spoilt.
            yield from (replace(each, layer="name") for each in services.departures(world, service))
        yield _no_names(server)
    else:
        yield from services.departures(world, service)


def _has_pods(known: ApiState, service: Service) -> bool:
    """Whether there are pods with any of the labels that a service selects."""
    return any(
        (pod.item["metadata"].get("labels") or {}).get(key) == value
        for pod in known.pods.values()
        if pod.info.namespace == service.namespace
        for key, value in service.info.selector.items()
    )


def _no_names(server: str) -> Departure:
    """The cluster's DNS is not reachable, as its service has no endpoint."""
    namespace, name = DNS_SERVICE
    return Departure(
        "dns-no-endpoint",
        f"service/{namespace}/{name}",
        "name",
        f"a program answers at {server}",
        "The cluster's DNS has no ready endpoint, so no service name resolves",
        f"python3 runner.py kubectl -n {namespace} get endpoints {name}",
        "Look at its service and its pods: `python3 runner.py kubectl -n kube-system get "
        "services,pods -l k8s-app=kube-dns`.",
    )
