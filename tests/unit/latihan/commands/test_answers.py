"""``--output json``: one document of a fixed shape, with the exit code that the text has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Node,
    Reachable,
    Stopped,
    write,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.checks import Check
from latihan.base.project import Project
from latihan.cli import main
from latihan.commands import answers, doctor
from latihan.commands.answers import DoctorAnswer, LabsAnswer, ListAnswer, StatusAnswer
from tests.places import ROOT


def asked(
    project: Project, capsys: pytest.CaptureFixture[str], shape: type[Record], *command: str
) -> tuple[int, dict[str, Any]]:
    """The exit code, and the document, which has that shape."""
    code = main([*command, "--output", "json"], project)
    printed = capsys.readouterr().out
    assert printed.isascii()
    shape.model_validate_json(printed)
    return code, json.loads(printed)


def test_list(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = asked(project, capsys, ListAnswer, "list")
    assert code == 0
    assert "holds" in [each["name"] for each in found["playbooks"]]
    assert "status" in [each["name"] for each in found["commands"]]
    assert "embedded" in found["providers"]


def test_doctor(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = [
        Check("root", ok=True, message="This is root."),
        Check("memory", ok=False, message="Too little.", hint="Get more.", kind=Kind.MACHINE),
    ]
    monkeypatch.setattr(doctor, "lab_spec", lambda *_asked: None)
    monkeypatch.setattr(doctor, "check", lambda _spec: checks)
    code, found = asked(project, capsys, DoctorAnswer, "doctor")
    assert code == found["exit_code"] == 3
    assert [each["ok"] for each in found["checks"]] == [True, False]
    assert found["checks"][1]["hint"] == "Get more."


def test_status(
    project: Project,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    code, found = asked(project, capsys, StatusAnswer, "status")
    assert (code, found["state"], found["nodes"], found["last_run"]) == (1, "absent", [], None)
    project.profile("latihan").folder.mkdir(parents=True)
    assert asked(project, capsys, StatusAnswer, "status")[1]["state"] == "half_made"
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    items = {"items": [{"metadata": {"name": "latihan"}, "status": ready}]}
    (tmp_path / "nodes").write_text(json.dumps(items), encoding="utf-8")
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\ncat {tmp_path}/nodes\n", encoding="utf-8")
    kubectl.chmod(0o755)
    up = Node("latihan", "192.0.2.2", Reachable(()))
    for nodes, well in (((up,), True), ((up, Node("latihan-m02", "", Stopped())), False)):
        lab = Contract("latihan", "embedded", "/k", str(kubectl), "", Reachable(()), nodes)
        write(project.contract("latihan"), lab)
        code, found = asked(project, capsys, StatusAnswer, "status")
        assert (code, found["well"], found["api"]) == (int(not well), well, True)
    states = [{"name": "latihan", "address": "192.0.2.2", "state": "Ready"}]
    assert found["nodes"] == [*states, {"name": "latihan-m02", "address": "", "state": "stopped"}]
    run = project.artifacts("latihan") / "20260101T000000Z-verify"
    run.mkdir(parents=True)
    (run / "report.json").write_text("{}", encoding="utf-8")
    (run.parent / "latest").symlink_to(run.name)
    last = asked(project, capsys, StatusAnswer, "status")[1]["last_run"]
    assert last["run"] == "20260101T000000Z-verify"
    assert "report.json" in last["error"]


def test_status_of_all(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("latihan.commands.status.providers.labs", lambda _state: {})
    assert asked(project, capsys, LabsAnswer, "status", "--all") == (0, {"labs": []})


def test_an_error_is_no_document(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--output", "json"], project) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "has no report yet" in said.err
    assert main(["list", "--output", "xml"], project) == 2
    assert main(["report", "--diff", "a", "b", "--output", "json"], project) == 2


def test_the_docs_name_every_field() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    section = page.partition("## Answers for programs")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", section))
    shapes = [each for each in vars(answers).values() if isinstance(each, type)]
    fields = {
        name
        for shape in shapes
        if issubclass(shape, Record) and shape.__module__ == answers.__name__
        for name in shape.model_fields
    }
    assert fields
    assert fields - named == set()
