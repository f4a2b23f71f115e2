"""Probe the network once; see the module's documentation."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts, live
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import ExpressionError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import ProbeEntry
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.filling import filled
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.engine import probe_all

_PROBES = TypeAdapter(dict[str, ProbeEntry])


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.probe``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Probe, and return what was seen without judging it."""
        try:
            entries = _PROBES.validate_python(args["probes"])
        except ValidationError as error:
            first = error.errors()[0]
            where, said = ".".join(map(str, first["loc"])), first["msg"]
            raise LabError(
                f"A probe of the task is not valid: {where}: {said.removeprefix('Value error, ')}.",
                kind=Kind.INPUT,
            ) from error
        if self.check_mode:
            return {"changed": False, "skipped": True, "probes": {name: [] for name in entries}}
        lab = live.lab(args["contract"], args["namespace"])
        known = facts.gather(lab.api, lab.contract, lab.namespace, networks=False)
        document = known.plain()
        try:
            made = {name: filled(name, entry, document) for name, entry in entries.items()}
        except ExpressionError as error:
            raise LabError(f"It can't be probed: {error}.") from error
        asked = [one for many in made.values() for one in many]
        answers = (answer.document() for answer in probe_all(lab, asked, known.addresses))
        return {
            "changed": False,
            "probes": {name: [next(answers) for _ in many] for name, many in made.items()},
        }
