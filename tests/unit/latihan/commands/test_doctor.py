"""``doctor`` ends with the exit code of the first failed check; links in the docs work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.checks import Check
from latihan.base.project import Project, from_environment
from latihan.cli import main
from latihan.commands import doctor
from tests.places import ROOT

GOOD = Check("root", True, "You are root.")
WARNING = Check("system", True, "It is like Debian.", "Use Debian.", warning=True)
DISK = Check("disk", False, "1 GiB is free.", "Free some.")
RANGE = Check("lab_network", False, "It collides.", "Choose another.", Kind.INPUT)


@pytest.mark.parametrize(
    ("checks", "code"),
    [([GOOD], 0), ([GOOD, WARNING], 0), ([WARNING, DISK], 3), ([RANGE, DISK], 2)],
)
def test_the_exit_code_is_that_of_the_first_failed_check(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    checks: list[Check],
    code: int,
) -> None:
    monkeypatch.setattr(doctor, "check", lambda spec: checks)
    assert main(["doctor"], from_environment({})) == code
    said = capsys.readouterr().out
    for each in checks:
        assert each.message in said
        assert each.hint in said


def test_it_checks_what_the_run_will_check(tmp_path: Path) -> None:
    project = Project(ROOT, tmp_path / "cache", tmp_path / "state")
    spec = doctor.lab_spec(project, "second", {"lab_nodes": 5, "lab_network": "10.9.0.0/24"})
    assert (spec.profile, spec.nodes) == ("second", 5)
    assert spec.networks["lab_network"] == "10.9.0.0/24"
    assert spec.networks["lab_service_network"] == "10.96.0.0/12"


PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []
