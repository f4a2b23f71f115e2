"""The playbooks that Molecule's scenarios share, as far as they need no cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT


@pytest.mark.parametrize(
    ("outcomes", "fails"),
    [
        pytest.param([], False, id="nothing to check"),
        pytest.param(["C1"], True, id="an outcome of a lab that was never made"),
    ],
)
def test_verify_checks_what_the_stage_names(outcomes: list[str], fails: bool) -> None:
    """The role would check all outcomes if it were given none."""
    values = {"lab_profile": "latihan-never-made", "scenario_stages": [{"outcomes": outcomes}]}
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            "--inventory=inventory/embedded.yml",
            f"--extra-vars={json.dumps(values)}",
            "molecule/shared/verify.yml",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, said
    assert ("has no cluster" in said) == fails, said
