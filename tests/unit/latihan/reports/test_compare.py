"""What changed between two runs."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from latihan.base.project import Project
from latihan.cli import main
from latihan.commands.report import has_desktop
from latihan.reports.compare import Difference, differences
from tests.unit.latihan.reports.page.sample import outcome, read, report

OLD = report(outcome("C1"), outcome("P2"), outcome("P10"))


def changed(**fields: Any) -> dict[str, Any]:
    return copy.deepcopy(OLD) | fields


def test_a_run_is_like_itself_however_long_it_took() -> None:
    assert (
        differences(read(OLD), read(changed(duration_s=1.0, started="2026-02-02T00:00:00+00:00")))
        == []
    )


def test_verdicts_come_first_and_failures_before_them_then_reasons() -> None:
    new = report(outcome("C1", observed="other"), outcome("S1"), outcome("P2", "fail"))
    assert differences(read(OLD), read(new)) == [
        Difference("verdict", "P2", "pass", "fail"),
        Difference("verdict", "P10", "pass", "not checked"),
        Difference("verdict", "S1", "not checked", "pass"),
        Difference("reason", "P2", "—", "why P2 does not pass"),
        Difference("observed", "P2", "—", "what P2 saw"),
    ]


def test_what_an_outcome_saw_counts_if_it_failed_in_both() -> None:
    one, other = (report(outcome("P2", "fail", observed=seen)) for seen in ("this", "that"))
    assert differences(read(one), read(other)) == [Difference("observed", "P2", "this", "that")]


def test_who_reached_whom_is_compared_and_a_new_sample_is_not() -> None:
    def surveyed(reason: str, other: str) -> dict[str, Any]:
        cells = [
            {"row": "a", "column": column, "reason": reason, "right": reason == "ok"}
            for column in ("b", other)
        ]
        matrix = {
            "name": "pod_tcp",
            "title": "Pods",
            "rows": ["a"],
            "columns": ["b", other],
            "cells": cells,
            "measured": 2,
            "wrong": [],
        }
        return report(outcome("N2", matrices=[matrix]))

    assert differences(read(surveyed("ok", "c")), read(surveyed("timeout", "d"))) == [
        Difference("cell", "N2 Pods: a to b", "ok", "timeout")
    ]


def test_the_lab_itself_is_compared() -> None:
    new = changed()
    known = new["facts"][-1]
    known["endpoints"]["s1"] |= {"ready": ["10.9.1.1"], "ready_pods": ["p1"]}
    known["services"]["s1"]["session_affinity"] = "ClientIP"
    known["nodes"]["one"] |= {"ready": False, "reason": "NodeStatusUnknown"}
    known["pods"]["p3"]["node"] = "two"
    del known["pods"]["p2"]
    found = differences(read(OLD), read(new))
    service = "NodePort, TCP 80 to None"
    assert found == [
        Difference("state", "node/one", "ready", "not ready: NodeStatusUnknown"),
        Difference("state", "pod/p2", "Running, ready", "—"),
        Difference("service", "service/s1", service, f"{service}, affinity ClientIP"),
        Difference("endpoints", "service/s1", "p1, p3", "p1"),
        Difference("place", "pod/p3", "on one", "on two"),
    ]


def renumbered(document: dict[str, Any]) -> dict[str, Any]:
    """The same lab made again: other addresses, ports, UIDs and times, in another order."""
    text = json.dumps(document)
    for old, new in (
        ("10.9.1.1", "10.9.1.77"),
        ("10.9.0.3", "10.9.0.2"),
        ("30080", "31999"),
        ("5e1f0000-0000-4000-8000-000000000001", "a0000000-0000-4000-8000-00000000000b"),
        ("4026531840", "4026539999"),
        ("21:48:22.511313", "03:00:00.1"),
        ("web-6d4cf56db6-zx2c4", "web-7f9cbb55c9-4kq8v"),
    ):
        assert f"{old}" in text
        text = text.replace(old, new)
    result: dict[str, Any] = json.loads(text)
    return result


GENERATED = (
    "10.9.0.3 and 10.9.1.1 at port 30080; 5e1f0000-0000-4000-8000-000000000001 in "
    "net:[4026531840] at 21:48:22.511313, behind web-6d4cf56db6-zx2c4"
)


def test_what_is_made_up_anew_in_each_run_is_no_change() -> None:
    old = report(outcome("P2", "fail", observed=GENERATED, expected=GENERATED))
    assert differences(read(old), read(renumbered(old))) == []


def test_two_values_that_were_equal_have_to_be_equal_again() -> None:
    same, others = "net:[1] and net:[1]", "net:[1] and net:[2]"
    one, other = (report(outcome("P5", "fail", observed=seen)) for seen in (same, others))
    assert differences(read(one), read(other)) == [
        Difference(
            "observed", "P5", "net:[namespace 1] and net:[namespace 1]",
            "net:[namespace 1] and net:[namespace 2]",
        )
    ]  # fmt: skip


def test_an_address_that_belongs_to_another_is_a_change() -> None:
    one, other = (report(outcome("S1", "fail", observed=seen)) for seen in ("10.9.0.3", "10.9.1.1"))
    assert differences(read(one), read(other)) == [Difference("observed", "S1", "pod/p3", "pod/p1")]


def test_the_version_counts_where_both_know_it() -> None:
    assert differences(read(OLD), read(changed(kubernetes_version=None))) == []
    assert differences(read(OLD), read(changed(kubernetes_version="v1.22.3"))) == [
        Difference("version", "Kubernetes", "v1.20.2", "v1.22.3")
    ]


def test_the_last_facts_count_where_the_lab_came_back_to_them() -> None:
    between = copy.deepcopy(OLD["facts"][0])
    del between["pods"]["p3"]
    back = changed(facts=[*OLD["facts"], between], last_moment=0)
    assert differences(read(OLD), read(back)) == []
    assert differences(read(OLD), read(back | {"last_moment": 1}))


def test_a_run_that_never_looked_says_nothing_of_the_lab() -> None:
    assert differences(read(OLD), read(changed(facts=[]))) == []


@pytest.fixture
def runs(tmp_path: Path) -> Project:
    project = Project(tmp_path, tmp_path / "cache", tmp_path / "state")
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "embedded.yml").touch()
    new = report(outcome("C1", "fail"), outcome("P2"), outcome("P10"))
    for name, document in (("one", OLD), ("same", OLD), ("two", new)):
        folder = project.artifacts("latihan") / name
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(json.dumps(document), encoding="utf-8")
    (project.artifacts("latihan") / "two" / "report.html").touch()
    return project


def test_diff_exits_0_for_the_same_and_1_for_others(
    runs: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--diff", "one", "same"], runs) == 0
    assert "Nothing changed between one and same." in capsys.readouterr().out
    assert main(["report", "--diff", "one", "two"], runs) == 1
    out = capsys.readouterr().out
    assert "verdict   C1             pass -> fail" in out


def test_an_unknown_run_is_bad_input_that_names_those_there_are(
    runs: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--diff", "one", "three"], runs) == 2
    assert "The newest are: one, same, two." in capsys.readouterr().err


def test_report_says_where_the_page_is(
    runs: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    opened: list[str] = []

    def browse(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", browse)
    assert main(["report", "two", "--open"], runs) == 0
    out = capsys.readouterr().out
    assert f"Page:   {runs.artifacts('latihan') / 'two' / 'report.html'}" in out
    assert "no desktop" in out
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert main(["report", "two", "--open"], runs) == 0
    assert opened == [(runs.artifacts("latihan") / "two" / "report.html").as_uri()]


def test_a_run_of_an_older_version_says_so(
    runs: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    path = runs.artifacts("latihan") / "one" / "report.json"
    path.write_text(json.dumps({"version": 1, "playbook": "full-lab"}), encoding="utf-8")
    for arguments in (["report", "one"], ["report", "--diff", "one", "two"]):
        assert main(arguments, runs) == 2
        said = capsys.readouterr().err
        assert f"{path} has version 1 of the report; only version 2 can be read." in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_windows_need_a_desktop(environment: dict[str, str], platform: str, expected: bool) -> None:
    assert has_desktop(environment, platform) is expected
