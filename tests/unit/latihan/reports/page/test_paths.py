"""From the probes to the report: paths, facts, and which facts an outcome was judged by."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.judge import paths
from latihan.run.events import Status, TaskEnded
from latihan.run.model import RunModel
from tests.unit.latihan.reports.page.sample import facts


def checked(*names: str, known: dict[str, Any] | None) -> TaskEnded:
    result: dict[str, Any] = {"outcomes": [{"id": name, "verdict": "pass"} for name in names]}
    if known is not None:
        result["facts"] = known
    return TaskEnded("Check", "outcomes", "x:1", "localhost", Status.OK, False, 0.1, result)


def test_paths_come_from_the_probes_that_traced_one() -> None:
    hop = {"address": "10.9.1.2", "owner": "pod/p2", "interface": "eth0"}
    traced = {"kind": "path", "from": "pod/p1/p1-c2", "target": "10.9.1.2", "ok": True}
    found = paths([{"kind": "http"}, traced | {"hops": [hop | {"rtt": 1}]}, traced | {"hops": []}])
    assert found == [
        {"from": "pod/p1/p1-c2", "target": "10.9.1.2", "arrived": True, "hops": [hop]},
    ]


def test_each_outcome_knows_its_moment() -> None:
    model, later = RunModel(), facts()
    later["pods"].pop("p3")
    for second, event in enumerate(
        [
            checked("P1", "P2", known=facts()),
            checked("P3", known=facts()),
            checked("P4", known=later),
            checked("P5", known=None),
            checked("P6", known={}),
        ]
    ):
        model.apply(event, float(second))
    moments = {name: each.document.get("moment") for name, each in model.outcomes.items()}
    assert moments == {"P1": 0, "P2": 0, "P3": 0, "P4": 1, "P5": None, "P6": None}
    assert model.facts == [facts(), later]
