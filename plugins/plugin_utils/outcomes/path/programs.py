"""What to say about the programs that a packet depends on. Pure functions."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import (
    inside,
    kubectl,
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.matching import Packet
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    FROZEN,
    Listener,
    is_halted,
    is_stopped,
    stopped_by,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import (
    PAGE,
    ApiState,
    Translation,
    by_hand,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import Departure

_WEB = 80
# How much of a page is told, in characters.
_SHOWN = 60
PROXY, KUBELET = "kube-proxy", "kubelet"
# Ports that programs of a node listen on (kubernetes.io: Ports and Protocols).
_PORTS = {10256: PROXY, 10249: PROXY, 10250: KUBELET, 6443: "kube-apiserver"}


def states(world: World, node: str, program: str) -> list[tuple[int, str, str]]:
    """The processes of a node that are this program; not those of its pods."""
    network = world.networks.get(f"node/{node}")
    return [each for each in (network.programs if network else ()) if each[1] == program]


def not_running(world: World, node: str, program: str) -> Departure | None:
    """A program that doesn't run on a node that was read, or that is stopped there."""
    place = f"node/{node}"
    if place not in world.networks:
        return None
    found = states(world, node, program)
    shows = inside(place, f"ps -C {program} -o pid,stat,args")
    expected = f"{program} runs on the node {node}"
    if not found:
        return Departure(
            f"{program}-down", place, "program", expected,
            f"{program} does not run on the node {node}", shows,
            inside(place, f"supervisorctl start {program}"),
        )  # fmt: skip
    for pid, _name, state in found:
        if is_stopped(state):
            return Departure(
                "process-stopped", place, "program", expected,
                f"{program} (process {pid}) {stopped_by(state)}", shows,
                _goes_on(place, pid, state), stays=is_halted(state),
            )  # fmt: skip
    return None


def _goes_on(place: str, pid: int, state: str) -> str:
    """The command that lets a stopped process go on."""
    if state == FROZEN:
        return inside(place, f"cat /proc/{pid}/cgroup") + " names the control group; thaw it."
    return inside(place, f"kill -CONT {pid}")


def rules_differ(
    world: World, place: str, wanted: Translation, *, expected: str, actual: str, kind: str = ""
) -> Departure:
    """A node's rules for a service aren't what the API says; a kube-proxy that rests is why."""
    node = place.removeprefix("node/")
    name = wanted.service.info.name
    resting = not_running(world, node, PROXY)
    shows = inside(place, f"{_lists_services(world, place)} | grep {name}")
    if resting is not None:
        return Departure(
            resting.id,
            place,
            "program",
            expected,
            f"{resting.actual}, and {actual}: its service rules are out of date",
            shows,
            resting.fix,
            stays=resting.stays,
        )
    return Departure(
        kind or "rules-differ",
        place,
        "translation",
        expected,
        f"{actual}, although kube-proxy runs",
        shows,
        inside(place, "supervisorctl restart kube-proxy"),
    )


def _lists_services(world: World, place: str) -> str:
    """The command that lists what kube-proxy wrote there."""
    there = world.networks[place].netfilter if place in world.networks else ()
    table = next((each.owner for each in there if each.owner.endswith(f" {PROXY}")), "")
    return f"nft list table {table}" if table else "iptables-save -t nat"


def nothing_listens(
    world: World, place: str, packet: Packet, service: Translation | None
) -> Departure:
    """No program waits for a packet that was to be served."""
    port = packet.target_port
    kind, _, name = place.partition("/")
    if kind == "node" and port in _PORTS:
        resting = not_running(world, name, _PORTS[port])
        if resting is not None:
            return resting
    who = shown(place)
    only = [
        each.address
        for each in world.networks[place].listeners
        if (each.port, each.protocol) == (port, packet.protocol)
    ]
    if only:
        return Departure(
            "listens-elsewhere", place, "program",
            f"a program listens on {packet.protocol} port {port} at {packet.target}",
            f"it listens only at {', '.join(only)} of {who}", inside(place, "cat /proc/net/tcp"),
            "Let it listen at all addresses, or at that one.",
        )  # fmt: skip
    for each in world.cluster.services.values():
        by_port = [one for one in each.info.ports if kind == "node" and one.node_port == port]
        if by_port and packet.protocol not in {one.protocol.lower() for one in by_port}:
            name = each.info.name
            return Departure(
                "no-such-port", f"service/{name}", "service",
                f"the service {name} has the node port {port}/{packet.protocol}",
                f"The service {name} has the node port {port}/{by_port[0].protocol.lower()}, not"
                f" {port}/{packet.protocol}",
                kubectl(f"get service {name} -o yaml"), kubectl(f"edit service {name}"),
            )  # fmt: skip
    expected = f"a program listens on {packet.protocol} port {port} of {who}"
    shows = inside(place, "cat /proc/net/tcp" if kind == "pod" else "ss -lntup")
    if service is not None:
        info = service.service.info
        wanted = next((each.target_port for each in info.ports if each.name == service.port), port)
        return Departure(
            "target-port-closed",
            place,
            "program",
            expected,
            f"The service {info.name} sends to port {port} of {who}, where nothing listens",
            shows,
            f"Compare the targetPort of {info.name} ({wanted}) with what the container listens on.",
            # A program may be late, but not for a port that somebody has changed.
            stays="ports" in by_hand(service.service.item),
        )
    fix = kubectl(f"describe pod {name.rpartition('/')[2]}") if kind == "pod" else ""
    return Departure(
        "target-port-closed", place, "program", expected,
        f"nothing listens on {packet.protocol} port {port} of {who}", shows, fix,
    )  # fmt: skip


def stopped(
    place: str, cluster: ApiState, listening: Sequence[Listener], packet: Packet
) -> Departure | None:
    """A program that holds the socket, but doesn't run on."""
    holders = dict.fromkeys(holder for each in listening for holder in each.holders)
    for pid, name, state in holders:
        if is_stopped(state):
            who = shown(place)
            node = place if not place.startswith("pod/") else f"node/{cluster.node_of(place)}"
            return Departure(
                "process-stopped",
                place,
                "program",
                f"{name} serves port {packet.target_port} of {who}",
                f"{name} (process {pid} on {node.removeprefix('node/')}) in {who}"
                f" {stopped_by(state)}",
                inside(node, f"ps -o pid,stat,args {pid}"),
                _goes_on(node, pid, state),
                stays=is_halted(state),
            )
    return None


def other_page(world: World, place: str, packet: Packet) -> Departure | None:
    """A web server that answers, but with another page than the pod's manifest says."""
    pod = world.cluster.pods.get(place.removeprefix("pod/"))
    there = world.networks[place].page
    if pod is None or not pod.page or (packet.protocol, packet.target_port) != ("tcp", _WEB):
        return None
    if there is None or there == pod.page.strip():
        return None
    return Departure(
        "other-page", place, "program",
        f"its web server serves the page {pod.page!r}, as the annotation {PAGE} of its manifest"
        " says",
        f"the web server of {shown(place)} serves another page: {_short(there)!r}, not"
        f" {pod.page!r}",
        inside(f"node/{pod.info.node}", f"curl http://{pod.info.ip}/"),
        f"Write the page again, or make {pod.info.name} again and write it then.",
    )  # fmt: skip


def _short(text: str) -> str:
    """A page's first words."""
    return textwrap.shorten(text, _SHOWN, placeholder=" ...")


def stopped_in(world: World, place: str) -> Iterator[Departure]:
    """The programs of a place that a signal has stopped; of a pod, those that hold sockets."""
    network = world.networks.get(place)
    if network is None:
        return
    node = f"node/{world.cluster.node_of(place)}" if "pod/" in place else place
    holders = dict.fromkeys(
        [
            *(holder for each in network.listeners for holder in each.holders),
            *(each for each in network.programs if each[2] in ("T", "t", FROZEN)),
        ]
    )
    for pid, name, state in holders:
        if is_stopped(state):
            yield Departure(
                "process-stopped", place, "program",
                f"{name} runs in {shown(place)}",
                f"{name} (process {pid} on {node.removeprefix('node/')}) in {shown(place)}"
                f" {stopped_by(state)}",
                inside(node, f"ps -o pid,stat,args {pid}"), _goes_on(node, pid, state),
                stays=is_halted(state),
            )  # fmt: skip
