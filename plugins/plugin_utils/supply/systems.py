"""The systems that packages are for: this machine's own, and another one of its distribution."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError


@dataclass(frozen=True)
class System:
    """A kind of system.

    ``name`` is the distribution, its version and the processor, as in debian-12-x86_64;
    ``codename`` is the release's name in package sources, as in bookworm.
    """

    name: str
    codename: str

    @classmethod
    @cache
    def own(cls) -> System:
        """This machine's."""
        release = platform.freedesktop_os_release()
        version = release.get("VERSION_ID") or release.get("VERSION_CODENAME", "rolling")
        name = f"{release['ID']}-{version}-{platform.machine()}"
        return cls(name, release.get("VERSION_CODENAME", ""))

    @property
    def distribution(self) -> str:
        """The distribution alone, as in debian."""
        return self.name.partition("-")[0]

    @property
    def processor(self) -> str:
        """The processor alone, as uname(2) calls it."""
        return self.name.rpartition("-")[2]


def chosen(name: str, codename: str) -> System:
    """The system that packages are to be for.

    Args:
        name: its name; empty for this machine's own.
        codename: its release's name.

    Raises:
        LabError: this machine's package sources can't have its packages.
    """
    own = System.own()
    wanted = System(name, codename) if name else own
    if wanted == own:
        return own
    if (wanted.distribution, wanted.processor) != (own.distribution, own.processor):
        raise LabError(
            f"This machine ({own.name}) can't get packages for {wanted.name}.",
            f"Start it on a machine with {wanted.distribution} on {wanted.processor}, or let those"
            " machines use their own mirrors (lab_machine_supply=own).",
            Kind.INPUT,
        )
    if not codename:
        raise LabError(f"The release of {name} has no codename.", kind=Kind.INPUT)
    return wanted
