"""Start or stop the lab's load balancer; see the module's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.tunnel``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Start or stop the tunnel."""
        profile = profiles.of_contract(Path(args["contract"]))
        tunnel = providers.of(profile).tunnel(profile, args["namespace"])
        wanted = args["state"] == "started"
        changed = wanted != tunnel.is_open()
        if changed and not self.check_mode:
            if wanted:
                tunnel.open()
            else:
                tunnel.close()
        return {"changed": changed}
