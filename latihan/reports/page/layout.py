"""Where everything of the lab stands in its picture. Pure; lengths are units of the drawing.

The host is above, the nodes side by side with their pods inside, the services below. Lines run in
lanes between the boxes, so that none crosses text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    Facts,
    NodeInfo,
    PodInfo,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Flow
from latihan.reports.page.routing import Router
from latihan.reports.page.shapes import (
    COLUMN,
    GAP,
    GUTTER,
    HEAD,
    HOST,
    LANE,
    MARGIN,
    WIDTH,
    Box,
    Mark,
    Picture,
    Point,
)

_POD = 40
_INSET = 8
_SERVICE = 54
_SPACE = 8
_PODS = 12


def layout(facts: Facts, flows: Sequence[Flow] = ()) -> Picture:
    """Lay the lab out.

    Args:
        facts: the lab at one moment.
        flows: the packets to draw in it.
    """
    on_paths = {stop for flow in flows for stop in flow.stops}
    host = _host(facts)
    nodes, bottom = _nodes(facts, on_paths)
    services, height = _services(facts, bottom)
    boxes = [host, *nodes, *services]
    router = Router({box.owner: box for box in boxes}, _homes(facts), bottom)
    lines = list(router.endpoints(facts))
    marks: list[Mark] = []
    for number, flow in enumerate(flows):
        drawn, put = router.flow(flow, number)
        lines += drawn
        marks += put
    return Picture(WIDTH, height, tuple(boxes), tuple(lines), tuple(marks))


def _host(facts: Facts) -> Box:
    address = facts.host.address or ""
    inner = WIDTH - 2 * MARGIN
    title = f"The host, {address}" if address else "The host"
    return Box("host", "host", MARGIN, 0, inner, HOST, "host", (address,), title)


def _nodes(facts: Facts, on_paths: set[str]) -> tuple[list[Box], float]:
    """The nodes with their pods, two in a row, and where the last row ends."""
    boxes: list[Box] = []
    groups: list[tuple[NodeInfo | None, list[PodInfo]]] = [
        (node, _by_name(pod for pod in facts.pods.values() if pod.node == name))
        for name, node in facts.nodes.items()
    ]
    homeless = _by_name(pod for pod in facts.pods.values() if pod.node not in facts.nodes)
    if homeless:
        groups.append((None, homeless))
    top = float(HOST)
    for start in range(0, len(groups), 2):
        row = groups[start : start + 2]
        shown = [(node, *_chosen(pods, on_paths)) for node, pods in row]
        rows = max(len(pods) + bool(more) for _, pods, more in shown)
        top += GAP
        height = HEAD + rows * (_POD + _SPACE) + _SPACE / 2
        for column, (node, pods, more) in enumerate(shown):
            x = MARGIN + column * (COLUMN + GUTTER)
            boxes.append(_node(node, (x, top), height))
            left = x + (_INSET if column else LANE)
            for place, pod in enumerate(pods):
                y = top + HEAD + place * (_POD + _SPACE)
                boxes.append(_pod(pod, left, y))
            if more:
                y = top + HEAD + len(pods) * (_POD + _SPACE)
                text = f"and {more} more pods"
                width = COLUMN - LANE - _INSET
                boxes.append(Box("", "more", left, y, width, _POD, text, (), text))
        top += height
    return boxes, top


def _node(node: NodeInfo | None, corner: Point, height: float) -> Box:
    x, y = corner
    if node is None:
        title = "Pods that no node runs"
        return Box("", "nowhere", x, y, COLUMN, height, "no node", (), title)
    about = ", ".join(
        part
        for part in (
            f"Node {node.name}",
            "ready" if node.ready else f"not ready: {node.reason}",
            node.internal_ip,
            f"pods in {node.pod_cidr}" if node.pod_cidr else "",
            node.version,
            node.os_image,
        )
        if part
    )
    return Box(
        f"node/{node.name}", "node", x, y, COLUMN, height, node.name, (node.internal_ip or "",),
        about, "" if node.ready else "not ready", not node.ready,
    )  # fmt: skip


def _pod(pod: PodInfo, x: float, y: float) -> Box:
    # A pod that has ended is more than "not ready".
    phase = pod.phase or ""
    state = "" if pod.ready else ("not ready" if phase == "Running" else phase)
    address = "node's network" if pod.host_network else pod.ip or "no address"
    containers = ", ".join(pod.declared)
    title = ", ".join(
        part
        for part in (
            f"Pod {pod.name}",
            "ready" if pod.ready else f"{state} {pod.reason} {pod.message}".strip(),
            pod.ip,
            f"containers {containers}" if containers else "",
        )
        if part
    )
    width = COLUMN - LANE - _INSET
    return Box(
        f"pod/{pod.name}", "pod", x, y, width, _POD, pod.name, (address,), title, state,
        not pod.ready,
    )  # fmt: skip


def _services(facts: Facts, top: float) -> tuple[list[Box], float]:
    """The services, two in a row, and where the picture ends."""
    boxes: list[Box] = []
    names = [name for name in facts.services if name != "kubernetes"]
    y = top + GAP
    for place, name in enumerate(names):
        column, row = place % 2, place // 2
        x = MARGIN + column * (COLUMN + GUTTER)
        boxes.append(_service(name, facts, x, y + row * (_SERVICE + _SPACE)))
    rows = (len(names) + 1) // 2
    return boxes, (y + rows * (_SERVICE + _SPACE) if names else top + _SPACE)


def _service(name: str, facts: Facts, x: float, y: float) -> Box:
    service = facts.services[name]
    endpoints = facts.endpoints.get(name)
    ready = sorted(endpoints.ready_pods) if endpoints else []
    where = f"{service.cluster_ip or 'no address'}:{service.port or '?'}"
    ports = f"node port {service.node_port}" if service.node_port else ""
    outside = ", ".join(service.external_ips)
    behind = ", ".join(ready) if ready else "no endpoint"
    title = "; ".join(
        part
        for part in (
            f"Service {name}, {service.type}, {where}",
            ports,
            f"external address {outside}" if outside else "",
            f"ready endpoints: {behind}",
        )
        if part
    )
    last = ports or f"to {behind}"
    state = "" if ready else "no endpoint"
    return Box(
        f"service/{name}", "service", x, y, COLUMN, _SERVICE, f"{name} · {service.type}",
        (where, last), title, state, not ready,
    )  # fmt: skip


def _by_name(pods: Iterable[PodInfo]) -> list[PodInfo]:
    return sorted(pods, key=lambda pod: pod.name)


def _chosen(pods: list[PodInfo], on_paths: set[str]) -> tuple[list[PodInfo], int]:
    """The pods there is room for, first those on drawn paths, and how many are left out."""
    if len(pods) <= _PODS:
        return pods, 0
    kept = [pod for pod in pods if f"pod/{pod.name}" in on_paths]
    kept += [pod for pod in pods if f"pod/{pod.name}" not in on_paths][: _PODS - len(kept)]
    return _by_name(kept), len(pods) - len(kept)


def _homes(facts: Facts) -> dict[str, str]:
    """The node of each pod, both as owners."""
    return {f"pod/{name}": f"node/{pod.node}" for name, pod in facts.pods.items()}
