"""Whatever Ansible's events hold: they are taken in, and a report can be made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import PREFIX
from latihan.base.exits import Exit
from latihan.reports import junit, report
from latihan.run import events
from latihan.run.model import RunModel

KINDS = [
    *("playbook_on_play_start", "runner_on_start", "playbook_on_stats", "runner_on_ok"),
    *("runner_on_failed", "runner_on_skipped", "runner_on_unreachable", "verbose", "error", ""),
]
DATA = [
    *("name", "play", "role", "task", "task_path", "host", "res", "duration", "failures"),
    *("rescued", "ignore_errors", "resolved_action", "task_action"),
]
RESULT = [
    *("outcomes", "facts", "results", "failed", "changed", "msg", "hint", "detail", "version"),
    *("latihan_error", "argument_errors", "id", "verdict", "title", "evidence", "moment", "stderr"),
]
TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.sampled_from(["pass", "fail"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(RESULT) | TEXT, inner, max_size=5)
    ),
    max_leaves=10,
)
FIELDS = st.dictionaries(st.sampled_from(DATA), ANY)
EVENTS = st.fixed_dictionaries(
    {"event": st.sampled_from(KINDS) | ANY},
    optional={"stdout": ANY, "event_data": FIELDS | ANY},
)
ABOUT = report.About(
    "x", "uji", "embedded", "x", datetime(2026, 1, 2, tzinfo=UTC), 1.0, Exit.STEP_FAILED
)


def taken_in(raws: list[dict[str, Any]]) -> RunModel:
    """The model of a run of these events, with everything that is made of it."""
    model = RunModel()
    for second, raw in enumerate(raws):
        event = events.parse(raw)
        if event is not None:
            model.apply(event, float(second))
    model.finish()
    assert model.exit_code(2) in Exit
    built = report.build(ABOUT, model)
    assert report.from_text(report.to_json(built)) is not None
    junit.xml("x", model)
    return model


@given(st.lists(EVENTS, max_size=6))
def test_fuzzed_events(raws: list[dict[str, Any]]) -> None:
    taken_in(raws)


@given(st.dictionaries(st.sampled_from(RESULT), ANY))
def test_fuzzed_results(result: dict[str, Any]) -> None:
    for kind in ("runner_on_ok", "runner_on_failed"):
        taken_in([{"event": kind, "event_data": {"task": "t", "res": result}}])


@given(
    st.text()
    | st.lists(
        st.sampled_from(
            ['{"label": "a", "done": 1, "total": 2}', "[", "1e999", "Infinity", "{", "}"]
        )
    ).map("".join)
)
def test_fuzzed_progress(text: str) -> None:
    found = events.parse({"event": "verbose", "stdout": PREFIX + text})
    assert found is None or isinstance(found, events.ProgressMade)


OF_DATA: dict[str, list[Any]] = {
    "res": [None, 1, "x", [], [1]],
    "duration": ["x", [], {}, float("inf"), float("nan"), -1],
    "failures": [1, "x", [1], {"a": "x"}, {"a": None}],
    "rescued": [1, "x", [1], {"a": "x"}, {"a": None}],
    "task_path": ["x:\u00b2", "x:" + "9" * 5000, ":", ["x"]],
}
OF_RESULTS: dict[str, list[Any]] = {
    "argument_errors": [1, True, {"a": 1}, "x"],
    "outcomes": [
        *(
            1,
            [1],
            [{}],
            [{"id": None}],
            [{"id": ""}],
            [{"id": "\ud882"}],
            [{"id": "\u00b2"}],
            [{"id": "P" + "9" * 5000}],
        ),
        *([{"id": "X", "moment": -1}], [{"id": "X", "moment": []}], [{"id": "X", "evidence": 1}]),
    ],
    "results": [1, [1], [None], {"a": 1}, [{"failed": 1}], [{"failed": True, "msg": []}]],
}
NO_DATA: list[Any] = [None, 1, "x", [], [1]]
WRONG: list[dict[str, Any]] = [
    *({"event_data": value} for value in NO_DATA),
    *({"event_data": {name: value}} for name, values in OF_DATA.items() for value in values),
    *(
        {"event_data": {"res": {name: value}}}
        for name, values in OF_RESULTS.items()
        for value in values
    ),
]


@pytest.mark.parametrize("raw", WRONG, ids=[str(raw)[15:60] for raw in WRONG])
def test_events(raw: dict[str, Any]) -> None:
    for kind in KINDS:
        taken_in([{"event": kind, **raw}, {"event": "runner_on_failed", "event_data": {}}])


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "null", "1", "[]", "{}", '{"label": "a"}', "[" * 5000, "NaN", "\ud800"),
        *('{"label": "a", "done": "x", "total": 1}', '{"label": "a", "done": 1e999, "total": 1}'),
        *('{"label": "a", "done": null, "total": 1}', '{"label": "a", "done": [], "total": 1}'),
    ],
    ids=repr,
)
def test_progress(text: str) -> None:
    assert events.parse({"event": "verbose", "stdout": PREFIX + text}) is None
