"""What a shell is offered: names, options, and what the machine has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import runner
from latihan.base.project import from_environment
from latihan.cli import main
from tests.places import ROOT


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder of a lab ``uji`` with two nodes, and of its one run."""
    folder = tmp_path / "state" / "uji"
    folder.mkdir(parents=True)
    nodes = [{"name": "uji"}, {"name": "uji-m02"}]
    (folder / "contract.json").write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    (tmp_path / "artifacts" / "uji" / "20260101T000000Z-verify").mkdir(parents=True)
    return tmp_path


def offered(state: Path, line: str) -> list[str]:
    """What is offered at the end of a line, without asking a shell for it."""
    answer = state / "answer"
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line.encode())),
        "LATIHAN_STATE": str(state / "state"),
        "LATIHAN_ARTIFACTS": str(state / "artifacts"),
    }
    subprocess.run([sys.executable, str(ROOT / "runner.py")], env=environment, check=False)
    text = answer.read_text(encoding="utf-8") if answer.exists() else ""
    return [each.strip() for each in text.split("\n") if each]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("latihan full", ["full-lab"]),
        ("latihan kube", ["kubeconfig", "kubectl"]),
        ("latihan --provider e", ["embedded", "existing"]),
        ("latihan --profile u", ["uji"]),
        ("latihan provision --sk", ["--skip-tags"]),
        ("latihan conformance --fo", ["--focus"]),
        ("latihan teardown --al", ["--all"]),
        ("latihan --profile uji shell ", ["host", "uji", "uji-m02"]),
        ("latihan shell --profile uji uji-", ["uji-m02"]),
        ("latihan --profile uji report 2", ["20260101T000000Z-verify"]),
        ("latihan status --output j", ["json"]),
        ("latihan verify --tags ", []),
    ],
)
def test_what_is_offered(state: Path, line: str, expected: list[str]) -> None:
    assert sorted(offered(state, line)) == expected


def test_completing_never_makes_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "VENV", tmp_path / ".venv")
    monkeypatch.setenv(runner.COMPLETES, "1")
    assert runner.main([]) == runner.MACHINE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_code_leads_to_this_project(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell], from_environment()) == 0
    code = capsys.readouterr().out
    assert f"python3 {ROOT / 'runner.py'}" in code.splitlines()[0]
    assert code.count(str(ROOT / "runner.py")) > 1


def test_bash_completes_a_line(state: Path) -> None:
    code = subprocess.run(
        [sys.executable, str(ROOT / "runner.py"), "completion"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    name = f"_python_argcomplete_{ROOT / 'runner.py'}"
    line = f"COMP_LINE='latihan kubeco' COMP_POINT=14 {name} latihan; echo ${{COMPREPLY[@]}}"
    asks = ["bash", "-c", f"{code}\n{line}"]
    done = subprocess.run(asks, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["kubeconfig"]
