"""Read the lab's live facts; see the module's documentation."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts, live
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction

# What a query names if it needs a look into the nodes.
_INSIDE = ("interfaces", "routes", "addresses", "owner", "root")


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.info``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Read the facts once."""
        query = live.queries(args["query"])
        lab = live.lab(args["contract"], args["namespace"])
        # A look into every node takes longer than all the rest.
        inside = not query or any(
            word in each for each in args["query"].values() for word in _INSIDE
        )
        document = facts.gather(lab.api, lab.contract, lab.namespace, networks=inside).plain()
        if query:
            return {"changed": False, "answers": live.answers(query, document)}
        return {"changed": False, "facts": document}
