"""What a provider is: it makes a cluster, and writes the contract that all other code uses."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Protocol

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile


class Ability(Enum):
    """What not every provider can do; the value says it in words."""

    POWER = "stop and start a cluster"
    TUNNEL = "give LoadBalancer services external addresses"
    RECORDS = "set DNS records around the cluster"


@dataclass(frozen=True)
class Wanted:
    """What a cluster should be like, whatever makes it.

    Args:
        nodes: how many nodes.
        network, pod_network, service_network: CIDR blocks.
        options: more options of this provider.
    """

    nodes: int
    network: str
    pod_network: str
    service_network: str
    options: Mapping[str, Any] = field(default_factory=dict)


class Tunnel(Protocol):
    """External addresses for services of type LoadBalancer, while it is open."""

    @property
    def argv(self) -> list[str]:
        """The command that keeps it open in the foreground, until SIGINT or SIGTERM."""

    def is_open(self) -> bool:
        """Whether it is open."""

    def open(self) -> None:
        """Open it in the background, and wait until it is; LabError if it ends at once."""

    def close(self) -> None:
        """Close it; this takes the addresses away."""


class Provider(ABC):
    """Makes clusters of one kind.

    It keeps nothing in memory: what it must remember about a lab is in the profile's folder. After
    ``make``, ``start`` and ``stop`` the profile's contract says how to reach the API, the nodes and
    "the host". If the provider can't enter its nodes, or has no host, the contract says so.

    A method that takes ``check`` changes nothing if that is true, and returns what it would do.

    ``name`` is the name of its folder. ``needs_root`` says why it needs root, as in "the nodes are
    namespaces"; it is empty if any user will do. ``takes`` are the options of a playbook that it
    takes, as in {"context"}. ``cannot`` has a sentence for each ability that it
    doesn't have, saying why; it implements the methods of the others.
    """

    name: ClassVar[str]
    needs_root: ClassVar[str]
    takes: ClassVar[frozenset[str]] = frozenset()
    cannot: ClassVar[Mapping[Ability, str]] = {}

    @abstractmethod
    def make(self, profile: Profile, wanted: Wanted, *, check: bool) -> bool:
        """Make a cluster, or start the existing one.

        Returns:
            Whether anything changed.

        Raises:
            LabError: it can't be made (and nothing of it is left), or the existing one was made
                differently.
        """

    @abstractmethod
    def remove(self, profile: Profile, *, check: bool) -> bool:
        """Remove everything of a cluster, even of a half-made one; needs no contract.

        Returns:
            Whether there was anything.
        """

    @abstractmethod
    def processes(self, profile: Profile) -> list[int]:
        """The ids of this machine's processes that belong to the lab."""

    def troubles(self, profile: Profile) -> list[str]:
        """What is wrong with the processes of a lab that is up, as far as it knows."""
        return []

    @abstractmethod
    def labs(self, state: Path) -> set[Profile]:
        """The labs that this provider has on this machine.

        Args:
            state: a folder of all profiles. Labs whose folder is elsewhere count if they run.
        """

    def is_half_made(self, profile: Profile) -> bool:
        """Whether an interrupted ``make`` left something for ``remove``."""
        return os.path.lexists(profile.folder) and not profile.contract.exists()

    def start(self, profile: Profile, node: str, *, check: bool) -> bool:
        """Start an existing cluster, or one node of it (empty for all).

        Returns:
            Whether anything was stopped.
        """
        self.refuse(Ability.POWER)

    def stop(self, profile: Profile, node: str, *, check: bool) -> bool:
        """Stop a cluster, or one node of it (empty for all); it keeps its contents.

        Returns:
            Whether anything ran.
        """
        self.refuse(Ability.POWER)

    def tunnel(self, profile: Profile, namespace: str) -> Tunnel:
        """The tunnel for a namespace's services (empty for all)."""
        self.refuse(Ability.TUNNEL)

    def set_records(self, profile: Profile, records: Mapping[str, str], *, check: bool) -> bool:
        """Set the records (addresses by name) of the name server around the cluster.

        Returns:
            Whether they are different now.
        """
        self.refuse(Ability.RECORDS)

    def lacking(self) -> dict[str, str]:
        """What it can't do, as a contract says it."""
        return {ability.name.lower(): why for ability, why in self.cannot.items()}

    def refuse(self, ability: Ability) -> NoReturn:
        """Raise an error that says that the provider can't do that, and why."""
        raise LabError(
            f"The provider {self.name!r} can't {ability.value}.", self.cannot[ability], Kind.INPUT
        )
