"""Find the Debian packages that are not installed; see the module's documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run


def not_installed(packages: Sequence[str], listing: str) -> list[str]:
    """The packages that ``dpkg-query --show`` doesn't list as installed.

    Args:
        packages: the names asked for.
        listing: lines of name, blank and dpkg's status abbreviation (``ii`` when installed).
    """
    rows = [line.split() for line in listing.splitlines()]
    installed = {row[0] for row in rows if len(row) > 1 and row[1].startswith("ii")}
    return [package for package in packages if package not in installed]


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.missing_packages``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Ask dpkg."""
        packages: list[str] = args["packages"]
        # dpkg-query exits with 1 if it doesn't know a package; here that is an answer.
        query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Abbrev}\n", *packages]
        listing = run(query, check=False).stdout
        return {"changed": False, "packages": not_installed(packages, listing)}
