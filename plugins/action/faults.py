"""Take faults out of a lab; see the module's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import exercises, faults


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.faults``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Take out all that are in place."""
        folder = Path(args["contract"]).parent
        there = faults.placed(folder)
        titles = [each.title for each in there]
        if not there or self.check_mode:
            return {"changed": bool(there), "out": titles}
        lab = live.lab(args["contract"], args["namespace"])
        if not args["must"]:
            try:
                lab.api.get("/version")
            except LabError as error:
                return {"changed": False, "out": [], "msg": f"Not yet: {error.message}"}
        exercises.take_out(lab, folder)
        return {"changed": True, "out": titles, "msg": f"Mended: {'; '.join(titles)}."}
