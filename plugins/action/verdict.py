"""End a run with its verdict; see the module's documentation."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import verdicts


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.verdict``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Fail if an outcome failed, or if none was proven."""
        known = verdicts.earlier(self.task_vars)
        for host in args["hosts"]:
            known = verdicts.joined(known, verdicts.earlier(self.task_vars["hostvars"][host]))
        if self.check_mode and not known:
            return {"changed": False, "skipped": True}
        message = verdicts.concluded(known, args["ids"])
        return {"changed": False, "msg": message, "checked": [*known]}
