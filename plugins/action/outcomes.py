"""Check outcomes on the live lab; see the module's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live
from ansible_collections.latihan.lab.plugins.plugin_utils.common import collection
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import checking
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import (
    OutcomeEntry,
    load,
    prepare,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.sampling import NodeSampling
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.verdicts import (
    FACT,
    earlier,
    gathered,
)


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.outcomes``."""

    @classmethod
    def prepare(cls) -> None:
        """Read the collection's own outcomes."""
        prepare()

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Check them; the result reports those that don't hold, and ``verdict`` fails the run."""
        files = [Path(name) for name in args["files"]] or collection.outcome_files()
        chosen = _chosen(load(files), args["ids"])
        if self.check_mode:
            return {"changed": False, "skipped": True, "outcomes": []}
        lab = live.lab(args["contract"], args["namespace"])
        sampling = NodeSampling(args["seed"], args["most_nodes"])
        checked = checking.check(lab, chosen, args["vars"], sampling, standing=args["standing"])
        standings = gathered(earlier(self.task_vars), checked.results)
        return {
            "changed": False,
            "outcomes": [result.plain() for result in checked.results],
            "facts": [known.plain() for known in checked.facts],
            "ansible_facts": {FACT: {name: each.plain() for name, each in standings.items()}},
        }


def _chosen(outcomes: list[OutcomeEntry], ids: list[str]) -> list[OutcomeEntry]:
    """The outcomes with these ids, in their order; all outcomes if there are no ids."""
    known = {outcome.id: outcome for outcome in outcomes}
    unknown = [name for name in ids if name not in known]
    if unknown:
        raise LabError(
            f"Unknown outcome: {', '.join(unknown)}.",
            f"The outcomes are: {', '.join(known)}.",
            Kind.INPUT,
        )
    return [known[name] for name in ids] if ids else outcomes
