"""Make the archives that a lab machine needs; see the module's documentation."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.machines import (
    archives,
    repository,
    wheels,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.systems import chosen


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.machine_archives``."""

    _fetches = True

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Make the archives that are missing."""
        source, cache, target = (Path(args[name]) for name in ("source", "cache", "target"))
        folders, names, changed = [Path(each) for each in args["folders"]], {}, False
        if args["packages"]:
            system = chosen(args["system"], args["codename"])
            requirements = source / "requirements.txt"
            wheelhouse = wheels.entry_for(cache, requirements, args["python"], system.processor)
            debs = repository.entry_for(cache, system, args["packages"])
            if not self.check_mode:
                changed = wheels.provide(wheelhouse, requirements, args["python"], system.processor)
                changed |= repository.provide(debs, cache, system, args["packages"])
            folders += [wheelhouse.path, debs.path]
            names = {"wheels": wheelhouse.path, "repository": debs.path}
        with refusals.translated(cache), _locked(cache):
            # In check mode some may not have been made.
            made = [archives.of_folder(cache, each, target) for each in folders if each.is_dir()]
            project = archives.of_project(source, archives.project_files(source), cache)
        return {
            "changed": changed,
            "archives": [asdict(each) for each in made],
            "project": asdict(project),
            "packages": args["packages"],
            **{name: str(path.relative_to(cache)) for name, path in names.items()},
        }


def _locked(cache: Path) -> FileLock:
    """Machines of one kind need the same archives at the same time."""
    (cache / "sent").mkdir(parents=True, exist_ok=True)
    return FileLock(cache / "sent" / ".lock", mode=0o600)
