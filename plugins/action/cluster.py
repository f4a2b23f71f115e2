"""Make, start, stop or remove a cluster; see the module's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Wanted


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.cluster``."""

    @classmethod
    def prepare(cls) -> None:
        """Import the provider that most labs are of."""
        providers.named(providers.DEFAULT)

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Bring the cluster into the requested state."""
        profile = Profile(str(args["profile"]), Path(args["state_folder"]))
        provider = providers.of(profile, args["provider"])
        node, check = str(args["node"] or ""), self.check_mode
        match args["state"]:
            case "absent":
                return {"changed": provider.remove(profile, check=check)}
            case "present":
                common = ("nodes", "network", "pod_network", "service_network", "options")
                wanted = Wanted(**{name: args[name] for name in common})
                changed = provider.make(profile, wanted, check=check)
            case "started":
                changed = provider.start(profile, node, check=check)
            case _:
                changed = provider.stop(profile, node, check=check)
        return {"changed": changed, "contract": str(profile.contract)}
