"""A room of machines, from the command line to its page; its machine isn't there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from latihan.base.project import Project, from_environment
from latihan.cli import main


@pytest.fixture
def real(tmp_path: Path) -> Project:
    """The real playbooks and roles; what a run makes is elsewhere."""
    cache, state, reports = (tmp_path / name for name in ("cache", "state", "reports"))
    return replace(from_environment({}), cache=cache, state=state, reports=reports)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "my-room.yml"
    # Nobody listens on port 1 of loopback.
    path.write_text(
        "lab_machines: {hosts: {pc1: {ansible_host: 127.0.0.1, ansible_port: 1}}}\n",
        encoding="utf-8",
    )
    return path


def test_a_machine_that_is_not_there_is_on_the_page(
    real: Project, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab-machines", "-i", str(inventory)], real) == 3
    said = capsys.readouterr().out
    assert "✘ pc1" in said
    assert "It doesn't answer at 127.0.0.1." in said
    assert "Traceback" not in said
    folder = real.artifacts("my-room")
    assert "Who needs help" in (folder / "room.html").read_text(encoding="utf-8")
    found = json.loads((folder / "room.json").read_text(encoding="utf-8"))
    assert (found["exit_code"], found["machines"][0]["step"]) == (3, "Say that it can't be reached")


def test_a_wrong_variable_of_a_machine_is_on_the_page(
    real: Project, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = inventory.read_text(encoding="utf-8").replace(
        "port: 1", "port: 1, lab_machine_supply: x"
    )
    inventory.write_text(text, encoding="utf-8")
    assert main(["lab-machines", "-i", str(inventory)], real) == 2
    assert "A variable is wrong: value of lab_machine_supply must be" in capsys.readouterr().out
    assert "Who needs help" in (real.artifacts("my-room") / "room.html").read_text(encoding="utf-8")


def test_check_mode_leaves_nothing(real: Project, inventory: Path) -> None:
    assert main(["lab-machines", "-i", str(inventory), "--check"], real) == 3
    assert not real.artifacts("my-room").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lab-machines"], "the following arguments are required: -i"),
        (["lab-machines", "-i", "none.yml"], "There is no inventory none.yml."),
        (["lab-machines", "-i", "INVENTORY", "--forks", "0"], "--forks is 0."),
        (["lab-machines", "-i", "INVENTORY", "-e", "lab_machin_room=x"], "no variable"),
        (["lab-machines", "-i", "INVENTORY", "--limit", "nobody"], "No machine was worked on."),
        (["room", "nowhere"], "nowhere is not a folder."),
        (["bundle", "x.tar", "--system", "debian-13-x86_64"], "needs --system, --codename and"),
    ],
)
def test_bad_input_is_one_line(
    real: Project,
    inventory: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    words = [str(inventory) if each == "INVENTORY" else each for each in arguments]
    assert main(words, real) == 2
    assert said in capsys.readouterr().err
