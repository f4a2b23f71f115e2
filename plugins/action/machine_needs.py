"""Choose what a lab machine must be sent; see the module's documentation."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.machines import failures


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.machine_needs``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Compare what the machine says it has with what there is."""
        seen, project = args["seen"], args["project"]
        needed = [each for each in args["archives"] if each["folder"] in seen["missing"]]
        if project and seen["project"] != project["sha256"]:
            needed.append(project)
        trouble = failures.unfit(seen, args["python"], sum(each["size"] for each in needed))
        if trouble:
            raise LabError(trouble.message, trouble.hint, trouble.kind)
        return {"changed": False, "archives": needed}
