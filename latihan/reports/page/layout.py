"""Where everything of the lab stands in its picture. Pure; lengths are units of the drawing.

The host is above, the nodes side by side with their pods inside, the services below. Lines run in
lanes between the boxes, so that none crosses what is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from latihan.reports.page.flows import Flow
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

Document = Mapping[str, Any]

_POD = 40
_INSET = 8
_SERVICE = 54
_SPACE = 8
_PODS = 12


def layout(facts: Document, flows: Sequence[Flow] = ()) -> Picture:
    """Lay the lab out.

    Args:
        facts: the lab at one moment.
        flows: the packets to draw in it.
    """
    wanted = {stop for flow in flows for stop in flow.stops}
    host = _host(facts)
    nodes, bottom = _nodes(facts, wanted)
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


def _host(facts: Document) -> Box:
    address = str(facts["host"].get("address") or "")
    inner = WIDTH - 2 * MARGIN
    title = f"The host, {address}" if address else "The host"
    return Box("host", "host", MARGIN, 0, inner, HOST, "host", (address,), title)


def _nodes(facts: Document, wanted: set[str]) -> tuple[list[Box], float]:
    """The nodes with their pods, two in a row, and where the last row ends."""
    boxes: list[Box] = []
    groups = [(name, fact, _pods_of(facts, name)) for name, fact in facts["nodes"].items()]
    names = {name for name, _, _ in groups}
    homeless = [pod for pod in facts["pods"].values() if pod.get("node") not in names]
    if homeless:
        groups.append(("", {}, sorted(homeless, key=lambda pod: str(pod["name"]))))
    top = float(HOST)
    for start in range(0, len(groups), 2):
        row = groups[start : start + 2]
        shown = [(name, fact, *_chosen(pods, wanted)) for name, fact, pods in row]
        rows = max(len(pods) + bool(more) for _, _, pods, more in shown)
        top += GAP
        height = HEAD + rows * (_POD + _SPACE) + _SPACE / 2
        for column, (name, fact, pods, more) in enumerate(shown):
            x = MARGIN + column * (COLUMN + GUTTER)
            boxes.append(_node(name, fact, (x, top), height))
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


def _node(name: str, fact: Document, corner: Point, height: float) -> Box:
    x, y = corner
    if not name:
        title = "Pods that no node runs"
        return Box("", "nowhere", x, y, COLUMN, height, "no node", (), title)
    ready = bool(fact.get("ready"))
    state = "" if ready else "not ready"
    about = ", ".join(
        str(part)
        for part in (
            f"Node {name}",
            "ready" if ready else f"not ready: {fact.get('reason', '')}",
            fact.get("internal_ip"),
            f"pods in {fact['pod_cidr']}" if fact.get("pod_cidr") else "",
            fact.get("version"),
            fact.get("os_image"),
        )
        if part
    )
    address = str(fact.get("internal_ip") or "")
    return Box(
        f"node/{name}", "node", x, y, COLUMN, height, name, (address,), about, state, not ready
    )


def _pod(fact: Document, x: float, y: float) -> Box:
    name, ready = str(fact["name"]), bool(fact.get("ready"))
    cause = str(fact.get("reason") or "")
    # What succeeded doesn't run any more; "not ready" says too little of it.
    phase = str(fact.get("phase") or "")
    state = "" if ready else ("not ready" if phase == "Running" else phase)
    address = "node's network" if fact.get("host_network") else str(fact.get("ip") or "no address")
    containers = ", ".join(fact.get("declared") or [])
    title = ", ".join(
        part
        for part in (
            f"Pod {name}",
            "ready" if ready else f"{state} {cause} {fact.get('message') or ''}".strip(),
            str(fact.get("ip") or ""),
            f"containers {containers}" if containers else "",
        )
        if part
    )
    width = COLUMN - LANE - _INSET
    return Box(f"pod/{name}", "pod", x, y, width, _POD, name, (address,), title, state, not ready)


def _services(facts: Document, top: float) -> tuple[list[Box], float]:
    """The services, two in a row, and where the picture ends."""
    boxes: list[Box] = []
    names = [name for name in facts["services"] if name != "kubernetes"]
    y = top + GAP
    for place, name in enumerate(names):
        column, row = place % 2, place // 2
        x = MARGIN + column * (COLUMN + GUTTER)
        boxes.append(_service(name, facts, x, y + row * (_SERVICE + _SPACE)))
    rows = (len(names) + 1) // 2
    return boxes, (y + rows * (_SERVICE + _SPACE) if names else top + _SPACE)


def _service(name: str, facts: Document, x: float, y: float) -> Box:
    fact = facts["services"][name]
    ready = sorted((facts["endpoints"].get(name) or {}).get("ready_pods") or [])
    kind = str(fact.get("type") or "")
    where = f"{fact.get('cluster_ip') or 'no address'}:{fact.get('port') or '?'}"
    ports = f"node port {fact['node_port']}" if fact.get("node_port") else ""
    outside = ", ".join(str(each) for each in fact.get("external_ips") or [])
    behind = ", ".join(ready) if ready else "no endpoint"
    title = "; ".join(
        part
        for part in (
            f"Service {name}, {kind}, {where}",
            ports,
            f"external address {outside}" if outside else "",
            f"ready endpoints: {behind}",
        )
        if part
    )
    last = ports or f"to {behind}"
    state = "" if ready else "no endpoint"
    return Box(
        f"service/{name}", "service", x, y, COLUMN, _SERVICE, f"{name} · {kind}",
        (where, last), title, state, not ready,
    )  # fmt: skip


def _pods_of(facts: Document, node: str) -> list[Document]:
    pods = [pod for pod in facts["pods"].values() if pod.get("node") == node]
    return sorted(pods, key=lambda pod: str(pod["name"]))


def _chosen(pods: list[Document], wanted: set[str]) -> tuple[list[Document], int]:
    """The pods there is room for, those on a drawn way among them, and how many are left out."""
    if len(pods) <= _PODS:
        return pods, 0
    kept = [pod for pod in pods if f"pod/{pod['name']}" in wanted]
    kept += [pod for pod in pods if f"pod/{pod['name']}" not in wanted][: _PODS - len(kept)]
    return sorted(kept, key=lambda pod: str(pod["name"])), len(pods) - len(kept)


def _homes(facts: Document) -> dict[str, str]:
    """The node of each pod, both as owners."""
    return {f"pod/{name}": f"node/{pod.get('node')}" for name, pod in facts["pods"].items()}
