"""Where things are: the project's own folders, the cache, the state of a profile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

DEFAULT_PROFILE = "latihan"
DEFAULT_PROVIDER = "embedded"


@dataclass(frozen=True)
class Project:
    """The folders that commands work on.

    ``root`` is the project, ``cache`` what outlives a teardown, ``state`` what belongs to clusters.
    """

    root: Path
    cache: Path
    state: Path

    @property
    def playbooks(self) -> Path:
        """One file for each thing that a person can run."""
        return self.root / "playbooks"

    @property
    def roles(self) -> Path:
        """The roles that playbooks are made of."""
        return self.root / "roles"

    @property
    def inventory(self) -> Path:
        """One file for each provider."""
        return self.root / "inventory"

    def artifacts(self, profile: str) -> Path:
        """What the runs of a profile left behind, one folder a run."""
        return self.root / "artifacts" / profile

    def profile_state(self, profile: str) -> Path:
        """Everything of one cluster; it is gone after a teardown."""
        return self.state / profile

    def contract(self, profile: str) -> Path:
        """The file that says where the cluster is and how its nodes are entered."""
        return self.profile_state(profile) / "contract.json"


def from_environment(environment: Mapping[str, str] = os.environ) -> Project:
    """The project that this file belongs to; LATIHAN_CACHE and LATIHAN_STATE move the folders.

    A lab's processes say where its state is: so each folder has one path, whoever names it.
    """
    return Project(
        root=Path(__file__).resolve().parents[2],
        cache=Path(environment.get("LATIHAN_CACHE") or "/var/cache/latihan").resolve(),
        state=Path(environment.get("LATIHAN_STATE") or "/var/lib/latihan").resolve(),
    )


def checked_profile(name: str, *, second: bool = False) -> str:
    """The name of a profile, once it is known to be one.

    Args:
        name: the name.
        second: whether the second lab of a profile may be meant too.

    Raises:
        LabError: it is none.
    """
    profiles.checked(profiles.owner_of(name) if second else name)
    return name


def need_root(provider: str = DEFAULT_PROVIDER) -> None:
    """Refuse to work without the rights that a lab on this machine needs."""
    if provider == DEFAULT_PROVIDER and os.geteuid() != 0:
        raise LabError(
            "This needs root: the lab's nodes are namespaces of this machine.",
            "Run it as root, or with sudo.",
            Kind.MACHINE,
        )
