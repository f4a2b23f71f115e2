"""Names of labs: which are valid, what a lab's second lab is called, where a lab's files are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

# What the lab's host is called wherever nodes are called by their names.
HOST = "host"
# In the environment of a lab's own processes, which outlive the run that started them.
PROFILE_VARIABLE = "LATIHAN_PROFILE"
# In the environment of all that a run starts, and that ends with it.
RUN_VARIABLE = "LATIHAN_RUN"
# The lab that full-lab puts beside a lab for a while; the role profiles names it too.
_SECOND = "-c4"
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")
_RULE = "Use at most 20 lowercase letters, digits and hyphens; a letter first, no hyphen last."


@dataclass(frozen=True, order=True)
class Profile:
    """One lab: its name, and the folder with all labs' folders.

    Raises:
        LabError: no lab can have that name; a folder of that name is removed with the lab.
    """

    name: str
    state: Path

    def __post_init__(self) -> None:
        if not may_be_named(self.name):
            raise LabError(f"{self.name!r} can't be the name of a profile.", _RULE, Kind.INPUT)

    @property
    def folder(self) -> Path:
        """Everything of the lab; it is gone after a teardown."""
        return self.state / self.name

    @property
    def contract(self) -> Path:
        """The file that says where the cluster is and how its nodes are entered."""
        return self.folder / "contract.json"

    @property
    def owner(self) -> Profile:
        """The lab that this one belongs to: the first if it is a second lab, else itself."""
        return Profile(owner_of(self.name), self.state)


def may_be_named(name: str) -> bool:
    """Whether a lab, or the second lab of one, can have that name."""
    return bool(_NAME.fullmatch(owner_of(name)))


def of_contract(path: Path) -> Profile:
    """The lab whose contract is that file."""
    return Profile(path.parent.name, path.parent.parent)


def second_of(profile: str) -> str:
    """The name of a lab's second lab."""
    return f"{profile}{_SECOND}"


def owner_of(profile: str) -> str:
    """The lab that a second lab belongs to; any other lab is its own."""
    return profile.removesuffix(_SECOND)


def checked(name: str) -> str:
    """Check the name of a lab that a user may make, and return it.

    Raises:
        LabError: it can't name hosts and folders, or is taken.
    """
    if not _NAME.fullmatch(name):
        raise LabError(f"{name!r} can't be the name of a profile.", _RULE, Kind.INPUT)
    if name == HOST:
        raise LabError(
            f"{name!r} can't be the name of a profile: it is what each lab's host is called.",
            "Choose another name.",
            Kind.INPUT,
        )
    if owner_of(name) != name:
        raise LabError(
            f"{name!r} is the second lab of the profile {owner_of(name)!r}, which full-lab makes "
            "for a while.",
            "Choose another name; only `teardown` and the commands that only read take this one.",
            Kind.INPUT,
        )
    return name
