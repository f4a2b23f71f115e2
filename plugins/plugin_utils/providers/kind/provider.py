"""The provider for kind, as the rest of the lab sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Ability
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.kind import program
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.kind.program import KindProgram
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.local import (
    Local,
    LocalSettings,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.memory import Memory


class KindProvider(Local):
    """A cluster that the user's kind makes; its nodes are containers on this machine."""

    name = program.NAME
    named_by = "kind cluster"
    memory = Memory(program.NAME, LocalSettings)
    cannot: ClassVar[Mapping[Ability, str]] = {
        Ability.TUNNEL: "The provider 'kind' has no load balancer: cloud-provider-kind is another "
        "program.",
        Ability.RECORDS: "The provider 'kind' has no name server around the cluster.",
    }

    def tool(self, profile: Profile, settings: LocalSettings) -> KindProgram:
        """The user's kind, on the lab's cluster."""
        return KindProgram(profile, settings)


PROVIDER = KindProvider()
