"""Provide Kubernetes' own end-to-end tests; see the module's documentation."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import testbuild
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.kubernetes_tests``."""

    _fetches = True

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Build the tests, unless they are in the cache and run."""
        cache, version = Path(args["cache"]), args["version"]
        entry = Entry(cache / "kubernetes" / f"{version}-tests")
        programs = entry.path / "bin"
        if entry.ready() and testbuild.proven(programs, version):
            return {"changed": False, "bin": str(programs)}
        if not self.check_mode:
            shutil.rmtree(entry.path, ignore_errors=True)
            with entry.made() as folder:
                if folder is not None:
                    _build(version, folder / "bin", cache)
        return {"changed": True, "bin": str(programs)}


def _build(version: str, into: Path, cache: Path) -> None:
    into.mkdir()
    testbuild.build(version, into, cache)
    if not testbuild.proven(into, version):
        raise LabError(f"The tests that were built don't run, or are not of version {version}.")
