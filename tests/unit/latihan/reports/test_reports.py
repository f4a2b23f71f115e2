"""report.json and junit.xml."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from latihan.base.exits import Exit
from latihan.base.logs import Log
from latihan.reports import junit, models, report
from latihan.reports.page import render
from latihan.run.events import Status, TaskEnded, TaskStarted
from latihan.run.model import RunModel
from latihan.run.outcomes import outcome_of

Recorded = Callable[[str], RunModel]
STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def about(code: Exit = Exit.HOLDS) -> report.About:
    return report.About("full-lab", "latihan", "embedded", "python3 x", STARTED, 1.5, code)


def made(model: RunModel, code: Exit = Exit.HOLDS) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(report.to_json(report.build(about(code), model)))
    return document


@pytest.mark.parametrize(
    "name", ["holds", "does-not-hold", "fails", "greets-badly", "no-such-role"]
)
def test_reports_are_as_the_schema_says(recorded: Recorded, name: str) -> None:
    schema = json.loads(report.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(made(recorded(name)), schema)


def test_the_schema_refuses_what_is_no_report(recorded: Recorded) -> None:
    schema = json.loads(report.SCHEMA.read_text(encoding="utf-8"))
    document = made(recorded("holds"))
    document["outcomes"][0]["verdict"] = "maybe"
    with pytest.raises(jsonschema.ValidationError, match="maybe"):
        jsonschema.validate(document, schema)


def test_outcomes_stand_in_the_order_of_their_numbers(recorded: Recorded) -> None:
    document = made(recorded("holds"))
    assert [each["id"] for each in document["outcomes"]] == ["P2", "P10"]
    assert document["verdicts"] == {"pass": 1, "fail": 0, "skip": 1}
    assert document["kubernetes_version"] is None
    assert document["started"] == "2026-01-02T03:04:05Z"


def test_a_rescued_failure_leaves_its_step_whole(recorded: Recorded) -> None:
    assert [step["failed"] for step in made(recorded("holds"))["steps"]] == [False, False]
    assert [step["failed"] for step in made(recorded("fails"))["steps"]] == [True]


def test_the_schema_is_that_of_the_models() -> None:
    assert report.SCHEMA.read_text(encoding="utf-8") == models.schema(), "run `runner.py docs`"
    assert json.loads(models.schema())["properties"]["version"]["const"] == models.VERSION


def test_a_report_is_read_as_it_was_written(recorded: Recorded, tmp_path: Path) -> None:
    for name in ("holds", "does-not-hold", "fails"):
        written = report.build(about(), recorded(name))
        report.write(tmp_path / "report.json", report.to_json(written))
        assert report.load(tmp_path) == written


def test_junit_tells_failure_error_and_skip_apart(recorded: Recorded) -> None:
    cases: dict[str | None, ET.Element] = {}
    for name in ("holds", "does-not-hold", "fails"):
        root = ET.fromstring(junit.xml(name, recorded(name)))
        cases |= {case.get("name"): case for case in root.iter("testcase")}
    assert cases["P10 The largest packet passes"].find("failure") is None
    skipped = cases["P2 No way in"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "The provider has no host."
    failure = cases["S1 s1 selects p1 and p3"].find("failure")
    assert failure is not None
    assert failure.get("message") == "The selector misses p3."
    text = failure.text or ""
    assert "expected: p1 and p3" in text
    assert "$ kubectl get endpoints s1" in text
    # The recorded output ends a colour with an escape character, which XML can't hold.
    assert "10.244.0.5#x1B[0m" in text
    error = cases["Copy several"].find("error")
    assert error is not None
    assert "at /lab/playbooks/fails.yml:6" in (error.text or "")


def test_a_failure_in_junit_says_it_all() -> None:
    document = {
        "id": "S1",
        "verdict": "fail",
        "reason": "No endpoint.",
        "diagnosis": [{"id": "selector", "cause": "It matches no pod.", "fix": "Label p1."}],
        "why": [{"sentence": "p2 -> s1 was rejected", "lines": ["-A KUBE-SERVICES -j REJECT"]}],
        "evidence": [{"command": "curl http://s1/", "output": "refused"}],
    }
    assert junit.story(outcome_of(document)).splitlines() == [
        "reason: No endpoint.",
        "likely cause: It matches no pod.",
        "what to do: Label p1.",
        "",
        "why: p2 -> s1 was rejected",
        "  -A KUBE-SERVICES -j REJECT",
        "",
        "$ curl http://s1/",
        "refused",
    ]


def test_junit_counts_add_up(recorded: Recorded) -> None:
    root = ET.fromstring(junit.xml("x\x00", recorded("does-not-hold")))
    assert root.get("failures") == "1"
    # A failed verdict is an outcome's failure, not a step's error.
    assert root.get("errors") == "0"


def test_text_that_nobody_could_decode_does_not_stop_a_report(tmp_path: Path) -> None:
    model, odd = RunModel(), "caf\udce9"
    result = {"msg": odd, "outcomes": [{"id": "X1", "verdict": "pass", "title": odd}]}
    model.apply(TaskEnded("t", "r", "p:1", "lab", Status.FAILED, False, 0.1, result), 1.0)
    written = report.build(about(), model)
    report.write(tmp_path / "report.json", report.to_json(written))
    report.write(tmp_path / "report.html", render(written))
    assert report.load(tmp_path) == written
    assert r"caf\udce9" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_junit_tells_the_time_that_was_really_spent() -> None:
    """Ten outcomes that waited side by side for two seconds took two seconds."""
    model = RunModel()
    outcomes = [{"id": f"X{n}", "verdict": "pass", "duration_s": 2.0} for n in range(10)]
    model.apply(TaskStarted("Check", "outcomes", "x:1", "lab"), 0.0)
    model.apply(
        TaskEnded(
            "Check", "outcomes", "x:1", "lab", Status.OK, False, 2.25, {"outcomes": outcomes},
            "latihan.lab.outcomes",
        ),
        2.5,
    )  # fmt: skip
    root = ET.fromstring(junit.xml("x", model))
    times = {suite.get("name"): suite.get("time") for suite in root.iter("testsuite")}
    assert times == {"x: outcomes": "2.25", "x: steps": "2.5"}
    assert root.get("time") == "2.5"
    assert {case.get("time") for case in root.iter("testcase")} == {"2.0", "2.5"}


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path) -> None:
    first = report.new_folder(tmp_path / "latihan", "verify", STARTED)
    second = report.new_folder(tmp_path / "latihan", "verify", STARTED)
    assert first.name == "20260102T030405Z-verify"
    assert second.name == "20260102T030405Z-verify-2"
    report.point_latest(first)
    report.point_latest(second)
    assert (tmp_path / "latihan" / "latest").resolve() == second


def test_the_oldest_runs_are_removed_and_nothing_else(tmp_path: Path) -> None:
    artifacts, other = tmp_path / "latihan", tmp_path / "other"
    for day in range(1, 8):
        for each in (artifacts, other):
            run = report.new_folder(each, "verify", STARTED.replace(day=day))
            (run / report.LOG).touch()
    runs = sorted(path.name for path in artifacts.iterdir())
    report.point_latest(artifacts / runs[1])
    (artifacts / runs[3] / report.LOG).unlink()
    (artifacts / "20250101T000000Z-elsewhere").symlink_to(other)
    (artifacts / "20250101T000000Z-notes.txt").touch()
    (artifacts / "mine").mkdir()
    (artifacts / "mine" / report.LOG).touch()
    report.remove_old(artifacts, 2)
    kept = {path.name for path in artifacts.iterdir()}
    assert kept == {
        *(runs[1], runs[3], *runs[5:], "latest", "mine"),
        *("20250101T000000Z-elsewhere", "20250101T000000Z-notes.txt"),
    }
    assert len(list(other.iterdir())) == 7


def test_runs_are_found_by_name(tmp_path: Path) -> None:
    runs = tmp_path / "latihan"
    with pytest.raises(LabError, match="no report yet"):
        report.find(runs, "latest")
    folder = report.new_folder(runs, "verify", STARTED)
    report.write(folder / "report.json", "{}")
    report.point_latest(folder)
    assert report.find(runs, "latest") == folder
    assert report.find(runs, folder.name) == folder
    with pytest.raises(LabError, match="no run") as caught:
        report.find(runs, "20260102T030405Z-verfy")
    assert folder.name in caught.value.hint
    with pytest.raises(LabError, match="no run"):
        report.find(runs, "../latihan/latest")


def test_a_damaged_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("[]", encoding="utf-8")
    with pytest.raises(LabError, match="is not a report"):
        report.load(tmp_path)
    (tmp_path / "report.json").write_text("{", encoding="utf-8")
    with pytest.raises(LabError, match="is not a report"):
        report.load(tmp_path)


def test_a_report_of_another_shape_says_where(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"version": 2}', encoding="utf-8")
    with pytest.raises(LabError, match="is not a report: playbook: Field required"):
        report.load(tmp_path)


def test_a_log_ends_where_the_disk_is_full(tmp_path: Path) -> None:
    path = tmp_path / "ansible.log"
    path.symlink_to("/dev/full")
    log = Log(path)
    assert log.trouble == ""
    log.write("one")
    log.write("two")
    log.close()
    assert log.trouble == f"The log {path} ends early: No space left on device."
