"""What became of a task on a lab machine, in words that a person can act on.

What is matched is what OpenSSH, sudo and Ansible 2.19 print.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import preflight

_LONGEST = 300
# Archives are kept until they are unpacked, to three times their size; .venv and a lab need more.
_UNPACKED, _BESIDES = 4, 1 << 30


@dataclass(frozen=True)
class MachineTrouble:
    """Why a machine has no lab: what is wrong, what to do, and whose trouble it is."""

    message: str
    hint: str
    kind: Kind


# A pattern, what it means, what to do; {address} is where the machine was looked for.
_KNOWN = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed",
     "The host key at {address} is not the one that is known.",
     "If it was installed anew, run `ssh-keygen -R {address}`; else somebody else answers."),
    (r"[Ii]ncorrect sudo password|Sorry, try again|incorrect password attempt",
     "The password for sudo is wrong.",
     "Set the right ansible_become_password for this machine."),
    (r"[Mm]issing sudo password|sudo: a (?:terminal|password) is required",
     "sudo asks for a password, and there is none.",
     "Set ansible_become_password for this machine, or use --become-password-file."),
    (r"not in the sudoers file|is not allowed to (?:execute|run sudo)",
     "This user may not use sudo there.", "Add the user to the group sudo, or use another one."),
    (r"sudo: (?:command )?not found",
     "There is no sudo.", "Install sudo there, or use root (ansible_user: root)."),
    (r"Permission denied|Invalid/incorrect (?:username/)?password",
     "It refuses the user or the key.",
     "Try `ssh USER@{address}`; set ansible_user and a key or ansible_password for this machine."),
    (r"No space left on device|\bENOSPC\b",
     "Its disk is full.", "Free some space there: a lab needs 5 GiB."),
    (r"Failed to connect to the host|Data could not be sent to (?:the )?remote host|UNREACHABLE",
     "It doesn't answer at {address}.",
     "See that it is on and that sshd runs there, then run it again: it goes on where it was."),
    (r"python3?: (?:command )?not found|No such file or directory: '?/usr/bin/python",
     "There is no Python.", "Install python3 there (Debian 12 has 3.11)."),
)  # fmt: skip


def trouble_of(result: Mapping[str, Any], address: str) -> MachineTrouble:
    """Why a task failed.

    Args:
        result: the task's result, as Ansible has it.
        address: where the machine was looked for.
    """
    said = "\n".join(
        str(result[key]) for key in ("msg", "stderr", "module_stderr", "stdout") if result.get(key)
    )
    if result.get("latihan_error"):
        kind = Kind(result["latihan_error"])
        return MachineTrouble(str(result.get("msg", "")), str(result.get("hint", "")), kind)
    for pattern, message, hint in _KNOWN:
        if re.search(pattern, said):
            return MachineTrouble(
                message.format(address=address), hint.format(address=address), Kind.MACHINE
            )
    message = _last(result.get("stderr")) or _last(result.get("stdout"))
    message = message or str(result.get("msg") or "It failed.")
    kind = Kind.MACHINE if result.get("unreachable") else Kind.STEP
    return MachineTrouble(message.strip()[:_LONGEST], "Run it again with -v to see more.", kind)


def _last(said: object) -> str:
    """The last line that a program printed; on a terminal, its errors are in its output."""
    lines = [line.strip() for line in str(said or "").splitlines()]
    return next((each for each in reversed(lines) if each and not each.startswith("Shared")), "")


def unfit(seen: Mapping[str, Any], oldest: str, sent: int) -> MachineTrouble | None:
    """Why a machine can't have a lab, before anything is sent; None if it can.

    Args:
        seen: what it says of itself: ``python``, ``memory`` and ``disk`` (bytes in all, and free).
        oldest: the oldest Python that the lab runs with.
        sent: the bytes of the archives that it is to be sent.
    """
    python = str(seen["python"])
    if _number(python) < _number(oldest):
        return MachineTrouble(
            f"Its Python is {python}, and the lab needs {oldest} or newer.",
            "Install a newer system there (Debian 12 has 3.11).",
            Kind.MACHINE,
        )
    if seen["memory"] < preflight.NEED_MEMORY:
        return MachineTrouble(
            f"It has {_gib(seen['memory'])} of memory, and a lab needs"
            f" {_gib(preflight.NEED_MEMORY)}.",
            "Give it more memory, or leave it out.",
            Kind.MACHINE,
        )
    needed = _UNPACKED * sent + _BESIDES if sent else 0
    if seen["disk"] < needed:
        return MachineTrouble(
            f"It has {_gib(seen['disk'])} of free disk space, and this needs {_gib(needed)}.",
            "Free some space there.",
            Kind.MACHINE,
        )
    return None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
