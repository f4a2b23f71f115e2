"""A machine that goes away in the middle of its run, and comes back."""

from __future__ import annotations

import os
import subprocess
import time

from tests.places import ROOT
from tests.room.rig import room
from tests.room.test_room import lab_machines, result

# What takes longest of this is the Python environment, which is made in the run.
LEAST = ("-e", "lab_machine_playbook=teardown")


def test_it_fails_alone_and_its_run_goes_on() -> None:
    with room({"stays": "bookworm", "leaves": "bookworm"}) as made:
        machine = made.machines["leaves"]
        command = made.on_controller("python3", ROOT / "runner.py", "lab-machines", "-i",
                                     made.inventory, *LEAST)  # fmt: skip
        environment = {**os.environ, "LATIHAN_ARTIFACTS": str(made.folder / "artifacts")}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as run:
            begun = machine.root / "opt/latihan/.machine/run/about"
            while run.poll() is None and not begun.exists():
                time.sleep(0.1)
            machine.inside("pkill", "sshd")
            said, _none = run.communicate()
        assert run.returncode == 3, said
        found = result(made)["machines"]
        assert found["stays"]["exit_code"] == 0, said
        assert f"It doesn't answer at {machine.address}." in found["leaves"]["message"]
        assert "✘ leaves: It doesn't answer" in said
        machine.inside("systemctl", "start", "ssh")
        done = lab_machines(made, "lab-machines", *LEAST, "--limit", "leaves")
        assert done.code == 0, done.out
