"""Matrices on the page."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    Cell,
    Latency,
    Matrix,
)
from latihan.reports.page.grids import Square, grid, grids


def matrix(*cells: tuple[str, str, bool | None, str], **more: Any) -> Matrix:
    made = [
        Cell(row=row, column=column, reason=reason, right=right)
        for row, column, right, reason in cells
    ]
    return Matrix(
        name="pod_tcp",
        title="Pod to pod, TCP",
        rows=list(dict.fromkeys(each.row for each in made)),
        columns=list(dict.fromkeys(each.column for each in made)),
        cells=made,
        measured=sum(each.right is not None for each in made),
        wrong=[each.row for each in made if each.right is False],
        **more,
    )


def test_the_worst_come_first_in_words_and_colours() -> None:
    shown = grid(
        matrix(
            ("a", "b", True, "ok"),
            ("a", "c", True, "ok"),
            ("b", "a", None, "not_run"),
            ("c", "b", False, "no_route"),
            latency=Latency(p50=0.0004, p90=0.001, p99=0.002, most=0.0123),
        )
    )
    assert shown.columns == ("b", "c", "a")
    assert [row for row, _squares in shown.rows] == ["c", "a", "b"]
    first = shown.rows[0][1]
    assert first[0] == Square("no route", "fail", "c to b: no route")
    assert first[1:] == (Square(), Square())
    assert shown.rows[2][1][2].word == "not measured"
    assert shown.bad
    assert shown.summary == (
        "2 of 3 right; answers: half within 0.4 ms, 90% within 1 ms, 99% within 2 ms, "
        "all within 12.3 ms"
    )


def test_wrong_matrices_come_first_and_empty_ones_not_at_all() -> None:
    good, bad, empty = matrix(("a", "b", True, "ok")), matrix(("a", "b", False, "reset")), matrix()
    assert [each.bad for each in grids([good, empty, bad])] == [True, False]
