"""Trouble with single machines of a room: each fails alone, and a line says what to do."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.labs import Done
from tests.room.rig import Room, room
from tests.room.test_room import lab_machines, result

LITTLE = "MemTotal:        1048576 kB\nMemFree:          524288 kB\nMemAvailable:     524288 kB\n"
MACHINES = {
    "good": "bookworm",
    "dead": "trixie",
    "full": "trixie",
    "wrong-key": "bookworm",
    "wrong-password": "bookworm",
    "small": "bookworm",
    "old": "bullseye",
}
# What a person reads, by the machine.
SAID = {
    "dead": ("doesn't answer at", "sshd runs there"),
    "full": ("GiB of free disk space, and this needs", "Free some space there."),
    "wrong-key": ("The host key at", "ssh-keygen -R"),
    "wrong-password": ("The password for sudo is wrong.", "ansible_become_password"),
    "small": ("It has 1.0 GiB of memory, and a lab needs 1.5 GiB.", "more memory"),
    "old": ("Its Python is 3.9, and the lab needs 3.11 or newer.", "newer system"),
}


@pytest.fixture(scope="module")
def mixed() -> Iterator[tuple[Room, Done]]:
    with room(MACHINES, meminfo={"small": LITTLE}, disk={"full": "200m"}) as made:
        made.machines["dead"].inside("pkill", "sshd")
        other = subprocess.run(["cat", f"{made.folder}/key.pub"], capture_output=True, text=True,
                               check=True).stdout  # fmt: skip
        known = f"{made.machines['wrong-key'].address} {' '.join(other.split()[:2])}\n"
        (made.folder / "known_hosts").write_text(known, encoding="utf-8")
        made.write_inventory({"wrong-password": {"ansible_become_password": "another"}})
        # The playbook that does least: what is before it is meant here.
        yield made, lab_machines(made, "lab-machines", "-e", "lab_machine_playbook=teardown")


def test_the_good_machine_is_not_held_up(mixed: tuple[Room, Done]) -> None:
    made, done = mixed
    assert result(made)["machines"]["good"]["exit_code"] == 0, done.out
    assert done.code == 3, done.out


@pytest.mark.parametrize("name", SAID)
def test_a_line_says_what_and_what_to_do(mixed: tuple[Room, Done], name: str) -> None:
    made, done = mixed
    machine = result(made)["machines"][name]
    what, hint = SAID[name]
    assert what in machine["message"]
    assert hint in machine["hint"]
    assert machine["exit_code"] == 3
    lines = [line for line in done.out.splitlines() if line.startswith(f"✘ {name}")]
    assert any(what in line for line in lines), done.out
    assert "Traceback" not in done.out
