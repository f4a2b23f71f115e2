"""What runs on a lab machine: machine.py of the role lab_machine."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
import tarfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.places import ROOT

PROGRAM = ROOT / "roles" / "lab_machine" / "files" / "machine.py"


@pytest.fixture(scope="module")
def machine() -> ModuleType:
    spec = importlib.util.spec_from_file_location("machine", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packed(folder: Path, **files: str) -> tuple[str, str]:
    path = folder / "sent.tar"
    with tarfile.open(path, "w") as tar:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
            tar.add(folder / name, name)
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()


def test_it_needs_an_old_python_alone() -> None:
    tree = ast.parse(PROGRAM.read_text(encoding="utf-8"), feature_version=(3, 8))
    names = {each.names[0].name.partition(".")[0] for each in ast.walk(tree)
             if isinstance(each, ast.Import)}  # fmt: skip
    assert names <= sys.stdlib_module_names


def test_what_is_sent_becomes_a_folder_of_the_cache(machine: ModuleType, tmp_path: Path) -> None:
    archive, digest = packed(tmp_path, program="text")
    machine.receive(tmp_path / "cache", "daemons/x", archive, digest)
    assert (tmp_path / "cache/daemons/x/program").read_text(encoding="utf-8") == "text"
    assert not Path(archive).exists()


def test_what_arrives_damaged_is_refused(machine: ModuleType, tmp_path: Path) -> None:
    archive, _digest = packed(tmp_path, program="text")
    with pytest.raises(SystemExit, match="arrived damaged"):
        machine.receive(tmp_path / "cache", "daemons/x", archive, "0" * 64)
    assert not (tmp_path / "cache/daemons/x").exists()


def test_a_new_project_leaves_the_python_and_the_reports(
    machine: ModuleType, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    for name in (".venv", "artifacts", "old"):
        (there / name).mkdir(parents=True)
    archive, digest = packed(tmp_path, runner="new")
    machine.project(there, archive, digest)
    kept = sorted(each.name for each in there.iterdir())
    assert kept == [".machine", ".venv", "artifacts", "runner"]
    assert machine.look(there, tmp_path, "gone")["project"] == digest
    assert machine.look(there, tmp_path, "gone", "there")["missing"] == ["gone"]
    (there / "runner").write_text("newer", encoding="utf-8")
    assert machine.look(there, tmp_path)["project"] == ""


def test_a_run_goes_on_alone_and_says_how_it_ends(machine: ModuleType, tmp_path: Path) -> None:
    said = "echo '✔ pods     3 tasks, 7 outcomes hold   1.0 s'; sleep 1; echo 'runner.py: No.';"
    script = f"{said} echo '  → Do it.'; exit 3"
    assert machine.begin(tmp_path, "sh", "-c", script)["changed"]
    assert machine.begin(tmp_path, "sh", "-c", script)["joined"]
    with pytest.raises(SystemExit, match=r"Another run goes on there: sh -c echo"):
        machine.begin(tmp_path, "env", "runner.py", "verify")
    seen: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    while not seen or (seen[-1]["running"] and time.monotonic() < deadline):
        seen.append(machine.wait(tmp_path, "5", "lab"))
    last = seen[-1]
    assert (last["code"], last["step"], last["held"]) == (3, "pods", 7)
    assert (last["message"], last["hint"]) == ("No.", "Do it.")


def test_a_lab_that_is_there_is_stopped(
    machine: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, ...]] = []
    monkeypatch.setattr(machine, "_do", lambda *argv, **_how: called.append(argv))
    for name in (".venv/bin/python", "state/lab/contract.json"):
        assert machine.halt(tmp_path, tmp_path, tmp_path / "state", "lab") == {"changed": False}
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert machine.halt(tmp_path, tmp_path, tmp_path / "state", "lab") == {"changed": True}
    ((*_before, option, profile, name),) = called
    assert (option, profile, name) == ("--profile", "lab", "stop")
    assert f"LATIHAN_STATE={tmp_path}/state" in called[0]


def test_a_killed_run_is_one(machine: ModuleType, tmp_path: Path) -> None:
    about = {"pid": 2**22 + 1, "birth": "1", "started": 0.0}
    (tmp_path / ".machine/run").mkdir(parents=True)
    (tmp_path / ".machine/run/about").write_text(json.dumps(about), encoding="utf-8")
    assert machine.wait(tmp_path, "1", "lab")["message"] == "The run was killed."


def test_with_systemd_a_unit_starts_the_lab(
    machine: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, ...]] = []
    monkeypatch.setattr(machine, "COMMAND", tmp_path / "latihan")
    monkeypatch.setattr(machine, "UNIT", tmp_path / "latihan.service")
    monkeypatch.setattr(machine, "SYSTEMD", tmp_path / "none")
    monkeypatch.setattr(machine, "_do", lambda *argv: called.append(argv))
    assert machine.command(tmp_path, "lab", "A=b") == {"changed": True, "unit": False}
    assert not machine.UNIT.exists()
    monkeypatch.setattr(machine, "SYSTEMD", tmp_path)
    assert machine.command(tmp_path, "lab", "A=b") == {"changed": True, "unit": True}
    assert machine.command(tmp_path, "lab", "A=b") == {"changed": False, "unit": True}
    assert "latihan --profile lab start\n" in machine.UNIT.read_text(encoding="utf-8")
    assert called == [("systemctl", "daemon-reload"), ("systemctl", "enable", "latihan.service")]
    text = machine.COMMAND.read_text(encoding="utf-8")
    assert f'export A=b\nexec python3 {tmp_path}/runner.py "$@"\n' in text
    assert machine.COMMAND.stat().st_mode & 0o777 == 0o755
