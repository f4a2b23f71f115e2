"""Where things are in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import Document
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Flow
from latihan.reports.page.layout import layout
from latihan.reports.page.shapes import Box, Picture
from tests.unit.latihan.reports.page.sample import facts, node, pod


def drawn(document: Document, flows: Sequence[Flow] = ()) -> Picture:
    return layout(Facts.model_validate(document), flows)


def box(picture: Picture, owner: str) -> Box:
    (found,) = [each for each in picture.boxes if each.owner == owner]
    return found


def within(inner: Box, outer: Box) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def test_everything_is_there_once_and_says_what_it_is() -> None:
    picture = drawn(facts())
    assert sorted(each.owner for each in picture.boxes) == [
        "host", "node/one", "node/two", "pod/p1", "pod/p2", "pod/p3", "service/s1",
    ]  # fmt: skip
    assert all(each.title for each in picture.boxes)
    assert "192.0.2.2" in box(picture, "node/one").title
    assert "ready endpoints: p1, p3" in box(picture, "service/s1").title


def test_pods_stand_in_their_nodes() -> None:
    picture = drawn(facts())
    for name, home in (("p1", "two"), ("p2", "two"), ("p3", "one")):
        assert within(box(picture, f"pod/{name}"), box(picture, f"node/{home}"))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_no_boxes_overlap_and_all_is_in_the_picture(count: int) -> None:
    known = facts()
    known["nodes"] = {f"n{n}": node(f"n{n}", f"192.0.2.{n}") for n in range(count)}
    known["pods"] = {
        f"p{n}": pod(f"p{n}", "10.9.0.1", f"n{n % 3}" if n % 3 < count else None) for n in range(50)
    }
    known["services"] = {f"s{n}": known["services"]["s1"] for n in range(count)}
    picture = drawn(known)
    frames = [each for each in picture.boxes if each.kind in ("host", "node", "nowhere", "service")]
    pods = [each for each in picture.boxes if each.kind in ("pod", "more")]
    for one, other in [*combinations(frames, 2), *combinations(pods, 2)]:
        assert apart(one, other), (one.owner, other.owner)
    whole = Box("", "", 0, 0, picture.width, picture.height, "", (), "")
    assert all(within(each, whole) for each in picture.boxes)


def test_pods_for_which_there_is_no_room_are_counted() -> None:
    known = facts()
    known["pods"] = {f"p{n}": pod(f"p{n}", "10.9.0.1", "one") for n in range(100)}
    picture = drawn(known, [Flow(stops=("pod/p97", "node/one"), goal="node/one")])
    shown = [each for each in picture.boxes if each.kind == "pod"]
    (more,) = [each for each in picture.boxes if each.kind == "more"]
    assert more.name == f"and {100 - len(shown)} more pods"
    assert "pod/p97" in [each.owner for each in shown]


def test_pods_without_a_node_stand_apart() -> None:
    known = facts()
    known["pods"]["p3"] = pod("p3", "", None, reason="Unschedulable")
    picture = drawn(known)
    (nowhere,) = [each for each in picture.boxes if each.kind == "nowhere"]
    waiting = box(picture, "pod/p3")
    assert within(waiting, nowhere)
    assert (waiting.weak, waiting.state) == (True, "Pending")
    assert "Unschedulable" in waiting.title


def test_what_does_not_work_is_told_in_words_too() -> None:
    known = facts()
    known["nodes"]["one"] = node("one", "192.0.2.2", ready=False)
    known["endpoints"]["s1"]["ready_pods"] = []
    picture = drawn(known)
    assert (box(picture, "node/one").weak, box(picture, "node/one").state) == (True, "not ready")
    assert box(picture, "service/s1").state == "no endpoint"
    assert not any(each.kind == "endpoint" for each in picture.lines)


def test_services_are_tied_to_their_ready_pods() -> None:
    lines = [each for each in drawn(facts()).lines if each.kind == "endpoint"]
    assert [each.title for each in lines] == ["p1 is behind s1", "p3 is behind s1"]


def test_a_path_has_its_hops_numbered_where_they_are() -> None:
    flow = Flow(stops=("pod/p1", "node/two", "node/one", "pod/p3"), goal="pod/p3", seen=True)
    picture = drawn(facts(), [flow])
    (line,) = [each for each in picture.lines if each.kind == "path"]
    assert [each.text for each in picture.marks] == ["1", "2", "3"]
    for mark, owner in zip(picture.marks, flow.stops[1:], strict=True):
        inside = Box("", "", mark.x, mark.y, 0, 0, "", (), "")
        assert within(inside, box(picture, owner))
        assert (mark.x, mark.y) in line.points
    # Lines run straight: no corner is off both axes of the one before.
    steps = pairwise(line.points)
    assert all(one[0] == other[0] or one[1] == other[1] for one, other in steps)


@pytest.mark.parametrize("start", ["host", "node/one", "pod/p1"])
@pytest.mark.parametrize("goal", ["node/two", "pod/p2", "pod/p3", "service/s1"])
@pytest.mark.parametrize("back", [False, True])
def test_every_pair_has_a_way(start: str, goal: str, back: bool) -> None:
    stops = (goal, start) if back else (start, goal)
    picture = drawn(facts(), [Flow(stops=stops, goal=stops[-1])])
    (line,) = [each for each in picture.lines if each.kind == "asked"]
    assert len(line.points) >= 2
    assert all(0 <= x <= picture.width and 0 <= y <= picture.height for x, y in line.points)


def test_packets_that_never_left_are_crossed_out_at_their_start() -> None:
    picture = drawn(facts(), [Flow(stops=("host",), goal="pod/p1", reason="no_route")])
    (mark,) = picture.marks
    assert (mark.kind, mark.text) == ("cross", "p1: no route")
    assert mark.y < box(picture, "node/one").y


def test_stops_that_are_not_in_the_lab_are_left_out() -> None:
    picture = drawn(facts(), [Flow(stops=("pod/gone", "node/two"), goal="node/two", seen=True)])
    assert [each.kind for each in picture.lines if each.kind != "endpoint"] == []
