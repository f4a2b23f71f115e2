"""Matrices as tables: what is wrong comes first, in words and in colour. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OK,
    Cell,
    Latency,
    Matrix,
)

_KINDS = {True: "pass", False: "fail", None: "skip"}


@dataclass(frozen=True)
class Square:
    """A cell of a table: its word, whether it is right (pass, fail, skip), and what else to say."""

    word: str = ""
    kind: str = ""
    title: str = ""


@dataclass(frozen=True)
class Grid:
    """A matrix as a table.

    Args:
        title: what it shows.
        columns: their heads.
        rows: each with its head and its cells; one that nobody asked is empty.
        summary: how many are right, and how long answers took.
        bad: whether anything is wrong.
        note: why cells could not be measured.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Square, ...]], ...]
    summary: str
    bad: bool
    note: str


def grids(matrices: Iterable[Matrix]) -> tuple[Grid, ...]:
    """Those of the matrices that have cells, the worst ones first."""
    shown = [matrix for matrix in matrices if matrix.cells]
    return tuple(grid(each) for each in sorted(shown, key=lambda each: -len(each.wrong)))


def grid(matrix: Matrix) -> Grid:
    """One matrix; rows and columns with the most wrong cells come first."""
    wrong = [cell for cell in matrix.cells if cell.right is False]
    rows = _worst_first(matrix.rows, Counter(cell.row for cell in wrong))
    columns = _worst_first(matrix.columns, Counter(cell.column for cell in wrong))
    squares = {(cell.row, cell.column): _square(cell) for cell in matrix.cells}
    return Grid(
        title=matrix.title,
        columns=tuple(columns),
        rows=tuple(
            (row, tuple(squares.get((row, column), Square()) for column in columns)) for row in rows
        ),
        summary=_summary(matrix),
        bad=bool(wrong),
        note=matrix.unmeasured,
    )


def _worst_first(names: Sequence[str], wrong: Counter[str]) -> list[str]:
    return sorted(names, key=lambda name: -wrong[name])


def _square(cell: Cell) -> Square:
    word = cell.reason.replace("_", " ")
    if cell.right is None:
        word = "not measured"
    told = [f"{cell.row} to {cell.column}: {word}"]
    told += [cell.detail] if cell.detail else []
    if cell.attempts > 1:
        told.append(f"asked {cell.attempts} times")
    # Where all is well, what was found tells more than the word.
    short = cell.right and cell.reason == OK and len(cell.detail) < len("00000 bytes")
    return Square(
        word=cell.detail if short and cell.detail else word,
        kind=_KINDS[cell.right],
        title="; ".join(told),
    )


def _summary(matrix: Matrix) -> str:
    right = matrix.measured - len(matrix.wrong)
    said = f"{right} of {matrix.measured} right"
    return f"{said}; {_times(matrix.latency)}" if matrix.latency else said


def _times(latency: Latency) -> str:
    percentiles = (("half", latency.p50), ("90%", latency.p90), ("99%", latency.p99))
    within = ", ".join(f"{part} within {_milliseconds(each)}" for part, each in percentiles)
    return f"answers: {within}, all within {_milliseconds(latency.most)}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"
