"""Unpack Debian packages into a folder; see the module's documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import packages
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.unpack_packages``."""

    _fetches = True

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Unpack the packages that are missing."""
        cache = Path(args["cache"])
        wanted = packages.DebSet(
            tuple(args["packages"]),
            tuple(args["unpack"] or args["packages"]),
            tuple(args["programs"]),
        )
        entry = Entry(cache / args["name"] / wanted.key(packages.system_name()))
        if self.check_mode and not entry.ready():
            return {"changed": True, "path": str(entry.path)}
        changed = packages.provide(wanted, entry, PrivateApt(cache / "apt"))
        manifest = (entry.path / packages.MANIFEST).read_text(encoding="utf-8")
        return {"changed": changed, "path": str(entry.path), "packages": json.loads(manifest)}
