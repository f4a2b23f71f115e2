"""Check manifests and outcomes before they are used; see the module's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import kubectl
from ansible_collections.latihan.lab.plugins.plugin_utils.common import collection
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import entries


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.validate``."""

    @classmethod
    def prepare(cls) -> None:
        """Read the collection's own outcomes."""
        entries.prepare()

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Read everything; nothing is sent and nothing is written."""
        paths = [Path(name) for name in args["manifests"]] or collection.manifests()
        files = [file for path in paths for file in kubectl.manifest_files(path)]
        objects = sum(len(kubectl.check_manifest(file)) for file in files)
        found = entries.load(
            [Path(name) for name in args["outcomes"]] or collection.outcome_files()
        )
        return {
            "changed": False,
            "manifests": [str(file) for file in files],
            "objects": objects,
            "ids": [entry.id for entry in found],
        }
