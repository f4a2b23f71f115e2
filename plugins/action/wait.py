"""Wait until something is true of the cluster; see the module's documentation."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live, waiting
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.wait``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Watch until every expression is true."""
        until = live.expressions(args["until"])
        query = live.queries(args["query"])
        if self.check_mode:
            return {"changed": False, "skipped": True, "answers": dict.fromkeys(query)}
        lab = live.lab(args["contract"], args["namespace"])
        goal = waiting.Goal(until, list(query.values()), seconds(args["timeout"]))
        waited = waiting.wait(lab.api, lab.contract, lab.namespace, goal)
        if waited.unmet and args["required"]:
            raise LabError(
                f"Waited {waited.seconds:.0f} s in vain: {waited.unmet}.",
                "Look with `kubectl describe` and `kubectl get events`.",
            )
        return {
            "changed": False,
            "waited_s": round(waited.seconds, 2),
            "unmet": waited.unmet,
            "answers": live.answers(query, waited.document),
        }
