"""Run Kubernetes' own end-to-end tests on a lab; see the module's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.conformance.suite import Choice, Suite
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.verdicts import (
    FACT,
    earlier,
    gathered,
)


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.conformance``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Run the tests; the result reports those that fail, and ``verdict`` fails the run."""
        if self.check_mode:
            return {"changed": False, "skipped": True, "outcomes": []}
        lab = contract.read(Path(args["contract"]))
        choice = Choice(args["focus"], args["skip"], args["workers"])
        found = Suite(Path(args["bin"]), lab).run(choice)
        standings = gathered(earlier(self.task_vars), found)
        return {
            "changed": False,
            "outcomes": [outcome.plain() for outcome in found],
            "ansible_facts": {FACT: {name: each.plain() for name, each in standings.items()}},
        }
