"""Every fault of the catalogues, one after the other on one lab: it is seen, named and healed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.places import ROOT


@pytest.mark.parametrize("catalogue", ["catalogue.yml", "blind.yml"])
def test_each_fault_fails_what_it_must_and_is_named_and_healed(catalogue: str) -> None:
    argv = [sys.executable, "benchmarks/faults.py", "--catalogue", f"faults/{catalogue}"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
