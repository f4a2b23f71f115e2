"""The lanes in which lines run between the boxes of a picture. Pure.

Endpoints run in the gutter between the nodes, packets at the nodes' outer sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Flow
from latihan.reports.page.shapes import GAP, HEAD, HOST, LANE, MARGIN, WIDTH, Box, Line, Mark, Point
from latihan.reports.page.words import caption, short, words

# What keeps the flows of one lane apart.
_SHIFTS = (0.0, 5.0, -5.0, 8.0)
# From top to bottom.
_RANK = {"host": 0, "node": 1, "pod": 1, "service": 2}


class Router:
    """Finds the lanes for lines between boxes.

    Args:
        boxes: the boxes by owner.
        homes: the node of each pod.
        bottom: where the nodes end.
    """

    def __init__(self, boxes: Mapping[str, Box], homes: Mapping[str, str], bottom: float) -> None:
        self._boxes = boxes
        self._homes = homes
        self._bottom = bottom

    def endpoints(self, facts: Facts) -> list[Line]:
        """From each service to the pods that are ready behind it, through the gutter."""
        lines = []
        names = [name for name in facts.services if f"service/{name}" in self._boxes]
        for place, name in enumerate(names):
            box = self._boxes[f"service/{name}"]
            lane = WIDTH / 2 + (place % 5 - 2) * 5
            side = box.x + box.width if box.x < WIDTH / 2 else box.x
            middle = box.y + box.height / 2
            behind = facts.endpoints.get(name)
            for pod in behind.ready_pods if behind else ():
                target = self._boxes.get(f"pod/{pod}")
                if target is None:
                    continue
                inner = target.x + target.width if target.x < WIDTH / 2 else target.x
                height = target.y + target.height / 2 + (place % 5 - 2) * 5
                points = ((side, middle), (lane, middle), (lane, height), (inner, height))
                lines.append(Line("endpoint", points, f"{pod} is behind {name}"))
        return lines

    def flow(self, flow: Flow, number: int) -> tuple[list[Line], list[Mark]]:
        """The line of a flow with its marks; ``number`` keeps flows apart."""
        stops = [stop for stop in self._with_nodes(flow) if stop in self._boxes]
        if len(stops) == len(flow.stops) == 1:
            return self._stub(stops[0], flow, number)
        if len(stops) <= 1:
            return [], []
        title = caption(flow)
        shift = _SHIFTS[number % len(_SHIFTS)]
        points: list[Point] = []
        for one, other in pairwise(stops):
            points += self._way(one, other, shift)
        kind = "broken" if not flow.ok else "path" if flow.seen else "asked"
        lines = [Line(kind, _tidy(points), title)]
        marks = []
        if flow.seen:
            hops = [stop for stop in flow.stops[1:] if stop in self._boxes]
            for count, stop in enumerate(hops, 1):
                x, y = self._spot(stop, shift)
                marks.append(Mark("hop", x, y, str(count), f"Hop {count}: {stop}"))
        elif flow.ok:
            marks.append(Mark("end", *points[-1], "", title))
        if not flow.ok:
            x, y = end = points[-1]
            if self._boxes[stops[-1]].kind == "node":
                # Above the node, so that its name and the number of a last hop can still be read.
                y -= HEAD / 2 + GAP / 3
                way = points if flow.seen else [point for point in points if point != end]
                lines = [Line(kind, _tidy([*way, (x, y)]), title)]
            marks.append(Mark("cross", x, y, words(flow.reason), title))
        return lines, marks

    def _with_nodes(self, flow: Flow) -> list[str]:
        """The stops, with the nodes between them that packets must pass."""
        stops: list[str] = []
        for stop in flow.stops:
            if stops and not flow.seen:
                stops += self._between(stops[-1], stop)
            stops.append(stop)
        return [stop for place, stop in enumerate(stops) if not place or stop != stops[place - 1]]

    def _between(self, one: str, other: str) -> list[str]:
        to_service = other.startswith("service/")
        first = [self._homes[one]] if one in self._homes and not to_service else []
        last = [self._homes[other]] if other in self._homes else []
        return [stop for stop in [*first, *last] if stop not in (one, other)]

    def _stub(self, stop: str, flow: Flow, number: int) -> tuple[list[Line], list[Mark]]:
        """Packets that never left: a short line that ends in a cross."""
        box = self._boxes[stop]
        x = box.x + 90 + number * 104 if stop == "host" else box.x + 20 + number * 24
        y = box.y + box.height
        title = caption(flow)
        mark = Mark("cross", x, y + 12, f"{short(flow.goal)}: {words(flow.reason)}", title)
        return [Line("broken", ((x, y), (x, y + 12)), title)], [mark]

    def _lane(self, stop: str, shift: float) -> float:
        """The x of the lane at the outer side of a pod's or node's column."""
        box = self._boxes[stop]
        left = box.x < WIDTH / 2
        edge = MARGIN if left else WIDTH - MARGIN
        return edge + (LANE / 2 + shift if left else -LANE / 2 - shift)

    def _spot(self, stop: str, shift: float) -> Point:
        """Where a flow touches a box."""
        box = self._boxes[stop]
        if box.kind == "pod":
            left = box.x < WIDTH / 2
            return (box.x if left else box.x + box.width), box.y + box.height / 2
        if box.kind == "node":
            return self._lane(stop, shift), box.y + HEAD / 2
        if box.kind == "service":
            return box.x + box.width / 2 + shift, box.y
        return WIDTH / 2, box.y + box.height

    def _way(self, one: str, other: str, shift: float) -> list[Point]:
        """The corners of the line from one box to another."""
        kinds = (self._boxes[one].kind, self._boxes[other].kind)
        if _RANK[kinds[0]] > _RANK[kinds[1]]:
            return list(reversed(self._way(other, one, shift)))
        start, end = self._spot(one, shift), self._spot(other, shift)
        match kinds:
            case ("host", "node" | "pod"):
                lane = self._lane(other, shift)
                bottom = self._boxes[one].y + self._boxes[one].height
                return [(lane, bottom), (lane, end[1]), end]
            case ("host", "service"):
                edge = MARGIN / 2
                return [
                    (MARGIN, start[1] - HOST / 2), (edge, start[1] - HOST / 2),
                    (edge, end[1] - GAP / 2), (end[0], end[1] - GAP / 2), end,
                ]  # fmt: skip
            case (_, "service"):
                lane = self._lane(one, shift)
                level = self._bottom + GAP / 2 + shift
                return [start, (lane, start[1]), (lane, level), (end[0], level), end]
            case ("node", "node"):
                level = min(self._boxes[one].y, self._boxes[other].y) - GAP / 3 - shift
                return [start, (start[0], level), (end[0], level), end]
            case _:
                lane = self._lane(one, shift)
                return [start, (lane, start[1]), (lane, end[1]), end]


def _tidy(points: Sequence[Point]) -> tuple[Point, ...]:
    """Points without those that repeat the one before."""
    return tuple(
        point for place, point in enumerate(points) if not place or point != points[place - 1]
    )
