"""The bundle on a machine that has nothing but loopback: no mirror, no index, no controller."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.room.rig import do, room

SYSTEMS = {
    "bookworm": ("debian-12-x86_64", "3.11"),
    "trixie": ("debian-13-x86_64", "3.13"),
}
ALONE = """
cd /root && tar -xf /root/latihan.tar && rm /root/latihan.tar
python3 latihan/runner.py full-lab --profile alone || exit $?
python3 latihan/runner.py --profile alone teardown
"""


@pytest.mark.parametrize("suite", ["trixie"])
def test_every_outcome_holds_without_any_network(suite: str, tmp_path: Path) -> None:
    system, python = SYSTEMS[suite]
    bundle = tmp_path / "latihan.tar"
    options = ["--system", system, "--codename", suite, "--python", python]
    made = subprocess.run(
        [sys.executable, ROOT / "runner.py", "bundle", bundle, *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    with room({"alone": suite}) as found:
        machine = found.machines["alone"]
        bundle.rename(machine.root / "root" / "latihan.tar")
        do("ip", "-n", machine.namespace, "link", "del", "eth0")
        said = machine.inside("sh", "-c", ALONE)
        assert "35 outcomes: 35 hold" in said
