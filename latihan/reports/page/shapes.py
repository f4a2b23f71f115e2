"""What a picture of the lab is made of; lengths are units of the drawing."""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]

# Narrow, so that it can be read on a phone.
WIDTH = 400
MARGIN = 10
GUTTER = 36
COLUMN = (WIDTH - 2 * MARGIN - GUTTER) / 2
HOST = 38
GAP = 34
HEAD = 46
LANE = 20


@dataclass(frozen=True)
class Box:
    """A thing of the lab.

    ``owner`` is its name as facts have it, ``kind`` host, node, pod, service or more. ``weak`` is
    set if it doesn't work; ``state`` then says so in a word.
    """

    owner: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    name: str
    lines: tuple[str, ...]
    title: str
    state: str = ""
    weak: bool = False


@dataclass(frozen=True)
class Line:
    """A line through points; ``kind`` is endpoint, path, asked or broken."""

    kind: str
    points: tuple[Point, ...]
    title: str

    @property
    def path(self) -> str:
        """As the ``d`` of an SVG path."""
        return "M" + "L".join(f"{x:g} {y:g}" for x, y in self.points)


@dataclass(frozen=True)
class Mark:
    """A sign on a line.

    ``kind`` is hop (with its number), end (where packets arrived) or cross (where they went no
    further, and why).
    """

    kind: str
    x: float
    y: float
    text: str
    title: str


@dataclass(frozen=True)
class Picture:
    """All that is drawn, within ``width`` and ``height``."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]
