"""The provider for minikube, as the rest of the lab sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Ability, Tunnel
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.local import (
    Local,
    LocalSettings,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.memory import Memory
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.minikube import (
    program,
    tunnel,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.minikube.program import Minikube
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.minikube.tunnel import (
    MinikubeTunnel,
)


class MinikubeProvider(Local):
    """A cluster that the user's minikube makes; the lab is one profile of it."""

    name = program.NAME
    named_by = "minikube profile"
    host_name = ""  # Nodes know this machine as host.minikube.internal.
    memory = Memory(program.NAME, LocalSettings, frozenset([tunnel.LOG, tunnel.HELD]))
    cannot: ClassVar[Mapping[Ability, str]] = {
        Ability.RECORDS: "The provider 'minikube' has no name server around the cluster.",
    }

    def tool(self, profile: Profile, settings: LocalSettings) -> Minikube:
        """The user's minikube, on the lab's profile."""
        return Minikube(profile, settings)

    def tunnel(self, profile: Profile, namespace: str) -> Tunnel:  # noqa: ARG002 - it is for all
        """``minikube tunnel``, which is for the services of all namespaces."""
        settings, _tool = self._known(profile, "")
        return MinikubeTunnel(profile, self.tool(profile, settings).path)

    def stop(self, profile: Profile, node: str, *, check: bool) -> bool:
        """Stop a cluster, or one node of it; the tunnel of a stopped cluster ends."""
        if not (check or node):
            self.tunnel(profile, "").close()
        return super().stop(profile, node, check=check)

    def remove(self, profile: Profile, *, check: bool) -> bool:
        """Remove the cluster and the tunnel."""
        if not check and profile.contract.exists() and self.memory.load(profile):
            self.tunnel(profile, "").close()
        return super().remove(profile, check=check)


PROVIDER = MinikubeProvider()
