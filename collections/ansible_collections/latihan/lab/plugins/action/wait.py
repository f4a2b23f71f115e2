"""Wait until something is true of the cluster; see the module's documentation."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils import live, waiting
from ansible_collections.latihan.lab.plugins.plugin_utils.action import LabAction


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.wait``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Watch until all of it is true."""
        until = live.expressions(args["until"])
        keep = dict(zip(args["keep"], live.expressions(list(args["keep"].values())), strict=True))
        if self.check_mode:
            return {"changed": False, "skipped": True, "kept": dict.fromkeys(keep)}
        lab = live.lab(args["contract"], args["namespace"])
        waited = waiting.wait(lab.api, lab.contract, lab.namespace, until, args["timeout"])
        return {
            "changed": False,
            "waited_s": round(waited.seconds, 2),
            "kept": live.kept(keep, waited.facts),
        }
