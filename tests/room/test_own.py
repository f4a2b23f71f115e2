"""A machine that has everything from its own mirrors: the controller sends the project alone."""

from __future__ import annotations

import shutil

from tests.integration.labs import CACHE
from tests.integration.test_full_lab import PROVEN
from tests.machines.roots import PROGRAMS
from tests.room.rig import room
from tests.room.test_room import lab_machines, packages, result

# It shares this machine's network, where another lab may be.
LAB = {"lab_network": "192.168.64.0/24", "kubernetes_source": "path", "kubernetes_path": PROGRAMS}
OWN = {"lab_machine_supply": "own", "lab_machine_variables": LAB}


def test_every_lab_holds_with_what_it_fetched_and_goes_again() -> None:
    # Kubernetes is built from its source in minutes; that a machine can do it is tested elsewhere.
    (*_older, programs) = sorted(CACHE.glob("kubernetes/*-debian/bin"))
    with room({"own": "trixie"}, isolated=False) as made:
        machine = made.machines["own"]
        shutil.copytree(programs, machine.root / PROGRAMS.lstrip("/"))
        made.write_inventory({"own": OWN})
        before = packages(machine.root)
        done = lab_machines(made, "lab-machines", "-v")
        assert done.code == 0, done.out
        assert done.out.count("Unpack it") == 1
        verdicts = result(made)["machines"]["own"]["verdicts"]
        assert verdicts.keys() >= PROVEN
        assert set(verdicts.values()) == {"pass"}, verdicts
        assert packages(machine.root) != before
        removed = lab_machines(made, "lab-machines-reset")
        assert removed.code == 0, removed.out
        assert packages(machine.root) == before
        assert not (machine.root / "var/cache/latihan").exists()
