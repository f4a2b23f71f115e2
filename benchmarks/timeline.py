"""Draws when each step of a run began and how long it took, as an SVG.

``.venv/bin/python benchmarks/timeline.py artifacts/latihan/latest/report.json FILE``; that needs
``.venv/bin/pip install -r benchmarks/requirements.txt``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from benchmarks import svg
from latihan.reports.models import Report, StepRecord

# A step narrower than this share of the run has no room for its name.
_NARROW = 0.035


def lanes(steps: Iterable[StepRecord]) -> list[list[StepRecord]]:
    """The steps in as few rows as keep those that went on side by side apart."""
    rows: list[list[StepRecord]] = []
    for step in sorted(steps, key=lambda step: step.began_s):
        # Times are rounded to a thousandth.
        free = (row for row in rows if row[-1].began_s + row[-1].duration_s <= step.began_s + 0.002)
        row = next(free, None)
        if row is None:
            rows.append([step])
        else:
            row.append(step)
    return rows


def draw(report: Report, path: Path) -> None:
    """Draw a run."""
    rows = lanes(report.steps)
    figure, axis = svg.pyplot(8).subplots(figsize=(11, 0.6 + 0.7 * len(rows)), layout="constrained")
    for level, row in enumerate(rows):
        for step in row:
            colour = "#8fb5e0" if step.role == "cluster" else "#cfd6de"
            axis.barh(-level, step.duration_s, left=step.began_s, color=colour, edgecolor="white")
            if step.duration_s > _NARROW * report.duration_s:
                middle = step.began_s + step.duration_s / 2
                name = (step.role or step.name).replace("_", "\n")
                axis.text(middle, -level, name, ha="center", va="center")
    axis.set(xlim=(0, report.duration_s), yticks=[], xlabel="seconds")
    axis.spines[["left", "right", "top"]].set_visible(False)
    svg.save(figure, path)


def main() -> None:
    """Draw the report that was named."""
    parser = argparse.ArgumentParser(description="Draw the steps of a run.")
    parser.add_argument("report", type=Path, help="its report.json")
    parser.add_argument("picture", type=Path, help="the SVG to write")
    options = parser.parse_args()
    text = options.report.read_text(encoding="utf-8")
    draw(Report.model_validate_json(text), options.picture)


if __name__ == "__main__":
    main()
