"""Unpack Debian packages into a folder; see the module's documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import packages
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import apt_for
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.systems import System, chosen


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.unpack_packages``."""

    _fetches = True

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Unpack the packages that are missing."""
        cache, system = Path(args["cache"]), chosen(args["system"], args["codename"])
        wanted = packages.DebSet(
            tuple(args["packages"]),
            tuple(args["unpack"] or args["packages"]),
            tuple(args["programs"]),
        )
        entry = Entry(cache / args["name"] / wanted.key(system.name))
        if self.check_mode and not entry.ready():
            return {"changed": True, "path": str(entry.path)}
        runnable = system == System.own()
        changed = packages.provide(wanted, entry, apt_for(cache, system), runnable=runnable)
        manifest = (entry.path / packages.MANIFEST).read_text(encoding="utf-8")
        return {"changed": changed, "path": str(entry.path), "packages": json.loads(manifest)}
