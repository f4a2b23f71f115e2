"""What a check of the machine comes to."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    ``kind`` says what kind of error it is if ``ok`` is false. ``warning`` is true if the lab goes
    on but may fail.
    """

    name: str
    ok: bool
    message: str
    hint: str = ""
    kind: Kind = Kind.MACHINE
    warning: bool = False
