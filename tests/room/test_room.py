"""A room of three machines over real SSH: from bare machines to labs that hold, and back.

Each machine is a Debian of its own, with systemd and an sshd, in namespaces; the controller reaches
them on a network that only the test has. They share this machine's kernel, so docs/lab-machines.md
says what that leaves open.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.labs import Done
from tests.integration.test_full_lab import PROVEN
from tests.places import ROOT
from tests.room.rig import Machine, Room, room

MACHINES = {"m1": "bookworm", "m2": "trixie", "m3": "bookworm"}
# What changes on a machine that somebody logs in to, or that packages come and go on.
PASSING = ("var/log/", "var/cache/apt/", "var/cache/ldconfig/", "var/cache/debconf/",
           "var/lib/dpkg/", "var/lib/systemd/", "var/tmp/systemd-private-",
           "home/teacher/.sudo_as_admin_successful")  # fmt: skip
# Waits until systemd has started all that is enabled; if the lab's unit failed, it says why.
BOOTED = """
systemctl is-system-running --wait && systemctl is-active latihan && exit
systemctl --failed
systemctl status --full latihan
journalctl --boot --unit latihan --no-pager
exit 1
"""


@pytest.fixture(scope="module")
def three() -> Iterator[Room]:
    with room(MACHINES) as made:
        yield made


@pytest.fixture(scope="module")
def bare(three: Room) -> dict[str, dict[str, str]]:
    return {name: files(machine.root) for name, machine in three.machines.items()}


def runner(made: Room, *arguments: str) -> Done:
    done = subprocess.run(
        made.on_controller("python3", ROOT / "runner.py", *arguments),
        env={**os.environ, "LATIHAN_ARTIFACTS": str(made.folder / "artifacts")},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout)


def lab_machines(made: Room, name: str = "lab-machines", *options: str) -> Done:
    return runner(made, name, "-i", str(made.inventory), *options)


def result(made: Room) -> dict[str, Any]:
    """The room's data, with its machines by their names."""
    text = (made.folder / "artifacts" / made.inventory.stem / "room.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return {**found, "machines": {each["name"]: each for each in found["machines"]}}


def files(root: Path) -> dict[str, str]:
    """What is on a machine: each path with its kind, rights and content."""
    found = {}
    for folder, folders, names in os.walk(root):
        inside = Path(folder).relative_to(root)
        if inside == Path():
            folders[:] = set(folders) - {"dev", "mnt", "proc", "run", "sys", "tmp"}
        for name in (*folders, *names):
            path = inside / name
            if str(path).startswith(PASSING) or "__pycache__" in path.parts:
                continue
            found[str(path)] = described(root / path)
    return found


def described(path: Path) -> str:
    status = path.lstat()
    if path.is_symlink():
        return f"-> {path.readlink()}"
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {content}"


def packages(root: Path) -> list[str]:
    listed = subprocess.run(
        ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show",
         "--showformat=${Package} ${Version} ${db:Status-Abbrev}\n"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [line for line in listed.stdout.splitlines() if " ii" in line]


def test_every_lab_holds_from_bare_machines(three: Room, bare: dict[str, dict[str, str]]) -> None:
    # Everything is made before: the controller's network reaches the machines alone.
    done = lab_machines(three)
    assert done.code == 0, done.out
    found = result(three)
    for name in MACHINES:
        verdicts = found["machines"][name]["verdicts"]
        assert verdicts.keys() >= PROVEN
        assert set(verdicts.values()) == {"pass"}, (name, verdicts)
        assert (three.folder / "artifacts/lab" / name / "report.html").is_file()
    page = (three.folder / "artifacts/lab/room.html").read_text(encoding="utf-8")
    assert "3 of 3 labs hold" in page
    assert "Debian GNU/Linux 13" in (three.folder / "artifacts/lab/m2/report.json").read_text(
        "utf-8"
    )


def test_again_nothing_is_sent(three: Room) -> None:
    done = lab_machines(three, "lab-machines", "-v", "-e", "lab_machine_playbook=provision")
    assert done.code == 0, done.out
    assert "Send an archive" not in done.out
    assert "Unpack it" not in done.out


def test_an_exercise_is_begun_mended_and_collected(three: Room) -> None:
    machine, only = three.machines["m2"], ("--limit", "m2")
    latihan = ("latihan", "--profile", "room-m2")
    begin = ("lab-machines-exercise", *only, "-e", "lab_machine_exercise=drop-web")
    for _ in range(2):
        begun = lab_machines(three, *begin)
        assert begun.code == 0, begun.out
    told = machine.inside(*latihan, "exercise")
    assert "S3: " in told
    assert "drops" not in told
    assert "Hint 1 of 2" in machine.inside(*latihan, "exercise", "hint")
    unsolved = lab_machines(three, "lab-machines-records", *only)
    assert unsolved.code == 1, unsolved.out
    assert "S3 doesn't hold" in result(three)["machines"]["m2"]["message"]
    rule = ("FORWARD", "-p", "tcp", "--dport", "80", "-j", "DROP")
    machine.inside(*latihan, "shell", "room-m2", "--", "iptables", "-D", *rule)
    assert "It holds: mended" in machine.inside(*latihan, "exercise", "check")
    solved = lab_machines(three, "lab-machines-records", *only)
    assert solved.code == 0, solved.out
    (exercise,) = result(three)["machines"]["m2"]["exercises"]
    assert (exercise["name"], exercise["state"]) == ("drop-web", "mended")
    assert (exercise["checks"], len(exercise["hints"])) == (2, 1)


def test_systemd_brings_the_labs_back_after_a_restart(three: Room) -> None:
    again = [three.machines["m2"], three.machines["m3"]]
    three.restart(*again)
    for machine in again:
        machine.inside("sh", "-c", BOOTED)
        assert "Ready" in machine.inside("latihan", "--profile", f"room-{machine.name}", "status")
    done = lab_machines(three, "lab-machines-verify", "--limit", "m2,m3")
    assert done.code == 0, done.out


def test_a_broken_machine_is_repaired_by_running_again(three: Room) -> None:
    machine = three.machines["m1"]
    machine.inside("latihan", "--profile", "room-m1", "shell", "room-m1", "--", "iptables", "-t",
                   "nat", "-F", "KUBE-SERVICES")  # fmt: skip
    machine.inside("rm", "-r", "/opt/latihan/latihan", "/var/cache/latihan/daemons")
    broken = lab_machines(three, "lab-machines-verify", "--limit", "m1")
    assert broken.code != 0, broken.out
    assert result(three)["machines"]["m1"]["message"]
    done = lab_machines(three, "lab-machines", "--limit", "m1")
    assert done.code == 0, done.out


def starting(machine: Machine) -> None:
    """Let the machine's unit start its lab, which takes longer than it takes to reach it."""
    machine.inside("systemctl", "stop", "latihan")
    machine.inside("latihan", "--profile", f"room-{machine.name}", "stop")
    machine.inside("systemctl", "start", "--no-block", "latihan")


def test_reset_leaves_each_as_it_was(three: Room, bare: dict[str, dict[str, str]]) -> None:
    before = {name: packages(three.folder / name) for name in MACHINES}
    assert any("conntrack " in each for each in before["m1"])
    starting(three.machines["m3"])
    kept = lab_machines(three, "lab-machines-reset", "-e", "lab_machine_keep_cache=true")
    assert kept.code == 0, kept.out
    for machine in three.machines.values():
        assert (machine.root / "var/cache/latihan/images").is_dir()
    done = lab_machines(three, "lab-machines-reset")
    assert done.code == 0, done.out
    for name, machine in three.machines.items():
        after = files(machine.root)
        differ = {path for path in after.keys() | bare[name].keys()
                  if after.get(path) != bare[name].get(path)}  # fmt: skip
        assert differ == set(), name
        assert "latihan" not in machine.inside("systemctl", "list-units", "--all"), name
