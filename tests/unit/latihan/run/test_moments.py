"""Which of a run's facts judged each of its outcomes."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from latihan.run.events import Status, TaskEnded
from latihan.run.model import RunModel
from tests.unit.latihan.reports.page.sample import facts

FIRST = Facts.model_validate(facts())
LATER = FIRST.model_copy(update={"pods": {}})


def checked(outcomes: dict[str, int | None], *known: Facts, looped: bool = False) -> TaskEnded:
    result: dict[str, Any] = {
        "outcomes": [
            {"id": name, "verdict": "pass", "moment": place} for name, place in outcomes.items()
        ],
        "facts": [each.plain() for each in known],
    }
    returned = {"results": [result]} if looped else result
    return TaskEnded("Check", "outcomes", "x:1", "localhost", Status.OK, False, 0.1, returned)


def test_each_outcome_knows_its_moment_and_equal_ones_are_kept_once() -> None:
    model = RunModel()
    for second, event in enumerate(
        [
            checked({"P1": 0, "P2": 1}, FIRST, LATER),
            checked({"P3": 0}, LATER),
            checked({"P4": 0}, FIRST, looped=True),
            checked({"P5": None}),
            checked({"P6": 3}, FIRST),
        ]
    ):
        model.apply(event, float(second))
    moments = {name: each.moment for name, each in model.outcomes.items()}
    assert moments == {"P1": 0, "P2": 1, "P3": 1, "P4": 0, "P5": None, "P6": None}
    assert model.facts == [FIRST, LATER]
    # P4 was the last to be judged by any, and by the first ones once more.
    assert model.last_moment == 0
