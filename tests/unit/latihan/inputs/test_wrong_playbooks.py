"""Playbooks, inventories and folders that are refused before anything runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latihan.base.project import Project
from latihan.cli import main
from tests.places import ROOT
from tests.wrong import is_refused, tree

TEXTS: list[tuple[bytes, str]] = [
    (b"", "not a playbook"),
    (b"---\n", "not a playbook"),
    (b"null", "not a playbook"),
    (b"5", "not a playbook"),
    (b"just words", "not a playbook"),
    (b"{}", "not a playbook"),
    (b"hosts: lab", "not a playbook"),
    (b"- 5", "not a playbook"),
    (b"- null", "not a playbook"),
    (b"- []", "not a playbook"),
    (b"- {}", "not a playbook"),
    (b"- name: x", "not a playbook"),
    (b"- host: lab", "not a playbook"),
    (b"- hosts: lab\n- tasks: []", "not a playbook"),
    (b"- hosts: [", ":1: not valid YAML"),
    (b"- hosts: lab\n\ttasks: []", ":2: not valid YAML"),
    (b"- hosts: lab\n  hosts: lab", ":2: not valid YAML"),
    (b"- hosts: lab\n---\n- hosts: lab", ":3: not valid YAML"),
    (b"- hosts: lab\n  vars: {a: {{ b }}}", ":2: not valid YAML"),
    (b"- hosts: &a [*a]", ":1: not valid YAML"),
    (b"[" * 1100, "nested too deeply"),
    (b"\xff\xfe", "is not UTF-8 text"),
    (bytes(range(256)), "is not UTF-8 text"),
    (b"\0\0", "not valid YAML"),
    (b"#!/bin/sh\necho hi\n", "not a playbook"),
]


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs ask for root, and these need none of its rights."""
    monkeypatch.setattr("os.geteuid", lambda: 0)


@pytest.mark.parametrize(("text", "said"), TEXTS, ids=[repr(text)[:40] for text, _ in TEXTS])
def test_texts(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: bytes, said: str
) -> None:
    path = tmp_path / "mine.yml"
    path.write_bytes(text)
    before = tree(tmp_path)
    is_refused(main([str(path)], project), capsys, said)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", ["folder", "dangling", "loop", "binary"])
def test_other_things_among_the_playbooks(
    project: Project, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = project.playbooks / "wrong.yml"
    match kind:
        case "folder":
            path.mkdir()
        case "dangling":
            path.symlink_to("nowhere")
        case "loop":
            path.symlink_to(path.name)
        case "binary":
            path.write_bytes(bytes(range(256)))
    is_refused(main(["list"], project), capsys, str(path))
    is_refused(main(["wrong"], project), capsys, str(path))


def test_what_only_ansible_knows(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is refused in Ansible's own words, before its first task."""
    path = project.playbooks / "wrong.yml"
    path.write_text("- hosts: lab\n  bogus: 1\n", encoding="utf-8")
    assert main(["wrong"], project) == 2
    said = capsys.readouterr().out
    assert "'bogus' is not a valid attribute for a Play" in said
    assert "Nothing was run, since Ansible refused it" in said
    (project.inventory / "embedded.yml").write_text("lab: [", encoding="utf-8")
    assert main(["holds"], project) == 2
    assert "Nothing was run" in capsys.readouterr().out
    report = json.loads(
        (project.artifacts("latihan") / "latest" / "report.json").read_text(encoding="utf-8")
    )
    assert report["exit_code"] == 2


@pytest.mark.parametrize(
    ("variables", "arguments", "code", "said"),
    [
        ({"LATIHAN_STATE": "LOOP"}, ["list"], 2, "LATIHAN_STATE is LOOP, a symbolic link"),
        ({"LATIHAN_CACHE": "LOOP"}, ["status"], 2, "LATIHAN_CACHE is LOOP, a symbolic link"),
        ({}, ["--profile", "a/b", "list"], 2, "'a/b' can't be the name of a profile"),
        ({}, ["no\nwhere"], 2, "There is no playbook or command 'no\\nwhere'"),
        ({}, ["-e", "lab_nodes=1e999999999", "doctor"], 2, "unrecognized arguments"),
        ({}, ["doctor", "-e", "lab_nodes=1e999999999"], 2, "is not of the type int"),
        ({}, ["report", b"\xff"], 2, "is not valid UTF-8"),
    ],
)
def test_in_a_process_of_its_own(
    tmp_path: Path, variables: dict[str, str], arguments: list[str], code: int, said: str
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    usual = {"LATIHAN_STATE": str(tmp_path / "state"), "LATIHAN_CACHE": str(tmp_path / "cache")}
    changed = {name: value.replace("LOOP", str(loop)) for name, value in variables.items()}
    done = subprocess.run(
        [sys.executable, "-m", "latihan", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **usual, **changed},
    )
    assert done.returncode == code, done.stderr
    assert said.replace("LOOP", str(loop)) in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert {path.name for path in tmp_path.iterdir()} == {"loop"}
