"""latihan.lab.tunnel: the lab's load balancer started and stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import tunnel


class ActionModule(LabAction):
    """See ``ansible-doc latihan.lab.tunnel``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Start or stop the tunnel."""
        which = Path(args["contract"]), args["namespace"]
        wanted = args["state"] == "started"
        changed = wanted != tunnel.is_running(*which)
        if changed and not self.check_mode:
            if wanted:
                tunnel.start(*which)
            else:
                tunnel.stop(*which)
        return {"changed": changed}
