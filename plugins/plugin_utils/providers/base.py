"""What a provider is: it makes a cluster, and writes the contract that all else goes by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, NoReturn, Protocol

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile


class Ability(Enum):
    """What not every provider can do; the value says it in words."""

    POWER = "stop and start a cluster"
    TUNNEL = "give LoadBalancer services external addresses"
    RECORDS = "set DNS records around the cluster"


@dataclass(frozen=True)
class Wanted:
    """What is asked of a cluster, whatever makes it.

    Args:
        nodes: how many nodes.
        network, pod_network, service_network: CIDR blocks.
        options: what this provider takes besides.
    """

    nodes: int
    network: str
    pod_network: str
    service_network: str
    options: Mapping[str, str] = field(default_factory=dict)


class Tunnel(Protocol):
    """External addresses for services of type LoadBalancer, as long as it is open."""

    @property
    def argv(self) -> list[str]:
        """The command that keeps it open in the foreground, until SIGINT or SIGTERM."""

    def is_open(self) -> bool:
        """Whether it is open."""

    def open(self) -> None:
        """Open it in the background, and wait until it is; LabError if it ends at once."""

    def close(self) -> None:
        """Close it; the addresses are gone afterwards."""


class Provider(ABC):
    """Makes clusters of one kind.

    It keeps nothing in memory: what it must know of a lab again is in the profile's folder. After
    ``make``, ``start`` and ``stop`` the profile's contract says how the API, the nodes and "the
    host" are reached; a provider may have no way into its nodes, or no host, and says so there.

    A method that takes ``check`` changes nothing if that is true, and returns what it would.

    ``name`` is the name of its folder. ``needs_root`` says why it needs root, as in "the nodes are
    namespaces"; it is empty if any user will do. ``cannot`` says for each ability that it hasn't
    got why, in a sentence; it implements the methods of the others.
    """

    name: ClassVar[str]
    needs_root: ClassVar[str]
    cannot: ClassVar[Mapping[Ability, str]] = {}

    @abstractmethod
    def make(self, profile: Profile, wanted: Wanted, *, check: bool) -> bool:
        """Make a cluster, or start the one that is there.

        Returns:
            Whether anything changed.

        Raises:
            LabError: it can't be made (what was half made is gone again), or the one that is there
                was made differently.
        """

    @abstractmethod
    def remove(self, profile: Profile, *, check: bool) -> bool:
        """Remove all that there is of a cluster, a half-made one too; needs no contract.

        Returns:
            Whether there was anything.
        """

    @abstractmethod
    def processes(self, profile: Profile) -> list[int]:
        """The processes of this machine that are the lab's own, by their ids."""

    def is_half_made(self, profile: Profile) -> bool:
        """Whether an interrupted ``make`` left something that ``remove`` must take away."""
        return profile.folder.exists() and not profile.contract.exists()

    def start(self, profile: Profile, node: str, *, check: bool) -> bool:
        """Start a cluster that is there, or one node of it (empty for all).

        Returns:
            Whether anything was stopped.
        """
        self.refuse(Ability.POWER)

    def stop(self, profile: Profile, node: str, *, check: bool) -> bool:
        """Stop a cluster, or one node of it (empty for all); what is in it stays.

        Returns:
            Whether anything ran.
        """
        self.refuse(Ability.POWER)

    def tunnel(self, profile: Profile, namespace: str) -> Tunnel:
        """The tunnel for a namespace's services (empty for all)."""
        self.refuse(Ability.TUNNEL)

    def set_records(self, profile: Profile, records: Mapping[str, str], *, check: bool) -> bool:
        """Set the records (addresses by name) that the name server around the cluster has.

        Returns:
            Whether it had others.
        """
        self.refuse(Ability.RECORDS)

    def refuse(self, ability: Ability) -> NoReturn:
        """Say that the provider can't do that, and why."""
        raise LabError(
            f"The provider {self.name!r} can't {ability.value}.", self.cannot[ability], Kind.INPUT
        )
