"""A lab of your own, as in the example: manifests, a playbook and outcomes, no Python."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.labs import Done, Lab
from tests.places import ROOT

EXAMPLE = ROOT / "examples" / "own-lab"


@pytest.fixture(scope="module")
def made(lab: Lab) -> Iterator[Done]:
    yield lab.runner(str(EXAMPLE / "lab.yml"))
    lab.kubectl("delete", "namespace", "shop", "--wait=false")


def test_its_outcomes_hold(lab: Lab, made: Done) -> None:
    assert made.code == 0, made.out
    report = lab.report()
    assert report["playbook"] == "lab"
    assert {one["id"]: one["verdict"] for one in report["outcomes"]} == {
        "SHOP1": "pass",
        "SHOP2": "pass",
    }


@pytest.mark.usefixtures("made")
def test_one_that_does_not_hold_fails_the_run(lab: Lab, tmp_path: Path) -> None:
    """The outcomes expect six pods, and there are three; the copy is outside the project."""
    own = shutil.copytree(EXAMPLE, tmp_path / "own")
    outcomes = own / "outcomes.yml"
    text = outcomes.read_text(encoding="utf-8")
    outcomes.write_text(text.replace("== `3`", "== `6`"), encoding="utf-8")
    done = lab.runner(str(own / "lab.yml"))
    assert done.code == 1, done.out
    assert "FAIL SHOP2" in done.out
    assert "PASS SHOP1" in done.out


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("lab.yml", "- hosts: [\n", "lab.yml:2: not valid YAML"),
        ("lab.yml", "hosts: lab\n", "lab.yml: not a playbook"),
        ("manifests/shop.yaml", "kind: [\n", "shop.yaml:2: not valid YAML"),
        (
            "outcomes.yml",
            "- id: X\n",
            "outcomes.yml:1: outcome X, field title: this field is missing",
        ),
    ],
)
def test_bad_files_are_refused_before_anything_is_touched(
    lab: Lab, tmp_path: Path, file: str, text: str, message: str
) -> None:
    own = shutil.copytree(EXAMPLE, tmp_path / "own")
    (own / file).write_text(text, encoding="utf-8")
    done = lab.runner(str(own / "lab.yml"))
    assert done.code == 2, done.out
    assert message in " ".join(done.out.split())
    assert "Traceback" not in done.out


def test_a_playbook_that_is_not_there(lab: Lab) -> None:
    done = lab.runner("nowhere/lab.yml")
    assert (done.code, "nowhere/lab.yml can't be read" in done.out) == (2, True)
