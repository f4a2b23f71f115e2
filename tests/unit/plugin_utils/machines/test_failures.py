"""What a person reads about a machine that has no lab."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind
from ansible_collections.latihan.lab.plugins.plugin_utils.machines.failures import trouble_of, unfit

GIB = 1 << 30
FIT = {"python": "3.13", "memory": 4 * GIB, "disk": 9 * GIB}
# As OpenSSH 9.2, sudo 1.9 and Ansible 2.19 say it.
REACHING = "Task failed: Failed to connect to the host via ssh: "


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (REACHING + "ssh: connect to host 192.0.2.1 port 22: Connection refused",
         "It doesn't answer at pc1.", "sshd runs there"),
        (REACHING + "@@@\nREMOTE HOST IDENTIFICATION HAS CHANGED! @\nPermission denied",
         "The host key at pc1", "ssh-keygen -R pc1"),
        (REACHING + "teacher@192.0.2.1: Permission denied (publickey).",
         "It refuses the user or the key.", "ansible_user"),
        ("Incorrect sudo password", "The password for sudo is wrong.", "ansible_become"),
        ("Missing sudo password", "sudo asks for a password", "--become-password-file"),
        ("/var/cache/x: No space left on device", "Its disk is full.", "Free some space"),
        ("/bin/sh: 1: python3: not found", "There is no Python.", "Install python3"),
    ],
)  # fmt: skip
def test_known_trouble_is_explained(said: str, message: str, hint: str) -> None:
    found = trouble_of({"msg": said}, "pc1")
    assert found.message.startswith(message)
    assert hint in found.hint
    assert found.kind is Kind.MACHINE


@pytest.mark.parametrize("where", ["stderr", "stdout"])
def test_the_end_of_a_shared_connection_is_no_trouble(where: str) -> None:
    result = {"msg": "non-zero return code", where: "It broke.\nShared connection to x closed."}
    found = trouble_of(result, "pc1")
    assert (found.message, found.kind) == ("It broke.", Kind.STEP)


def test_the_labs_own_errors_stay() -> None:
    result = {"msg": "No package x.", "hint": "Look for it.", "latihan_error": "input"}
    found = trouble_of(result, "pc1")
    assert (found.message, found.hint, found.kind) == ("No package x.", "Look for it.", Kind.INPUT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"python": "3.9"}, "Its Python is 3.9, and the lab needs 3.11 or newer."),
        ({"memory": GIB}, "It has 1.0 GiB of memory, and a lab needs 1.5 GiB."),
        ({"disk": GIB}, "It has 1.0 GiB of free disk space, and this needs 3.0 GiB."),
    ],
)
def test_an_unfit_machine_is_refused(changes: dict[str, Any], message: str) -> None:
    assert unfit(FIT, "3.11", GIB // 2) is None
    found = unfit({**FIT, **changes}, "3.11", GIB // 2)
    assert found
    assert found.message == message


def test_a_full_disk_is_no_trouble_if_nothing_is_sent() -> None:
    assert unfit({**FIT, "disk": 0}, "3.11", 0) is None
