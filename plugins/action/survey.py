"""Survey the network of the live lab's cluster; see the module's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils import in_cluster
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.survey import making, matrices
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.objects import IMAGE, Agents
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.surveying import Options, survey

_PROGRAM = Path(in_cluster.__file__).with_name("survey_agent.py")


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.survey``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Make what a survey needs and ask, or remove what it made."""
        lab = live.lab(args["contract"], args["namespace"])
        if self.check_mode:
            return {"changed": args["state"] == "present", "skipped": True}
        if args["state"] == "absent":
            return {"changed": making.remove(lab)}
        progress = Progress("pods of the survey", 0)

        def tell(done: int, total: int) -> None:
            progress.total = total
            progress.advance(done)

        agents = Agents(
            program=_PROGRAM.read_text(encoding="utf-8"),
            image=args["replace_images"].get(IMAGE, IMAGE),
            port=args["port"],
        )
        options = Options(args["seed"], args["nodes"], args["pairs"], tuple(args["outside"]))
        found = survey(lab, agents, options, tell)
        return {
            "changed": True,
            "sample": found.sample,
            "skipped_nodes": [f"{name}: {why}" for name, why in found.skipped.items()],
            "matrices": matrices.plain(found.matrices),
        }
