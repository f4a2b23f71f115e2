"""Check the machine and the lab's values; see the module's documentation."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.preflight import (
    LabSpec,
    check,
    require,
)


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.preflight``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Check everything; the first failure fails the task."""
        checks = check(
            LabSpec(
                cache=Path(args["cache"]),
                state=Path(args["state"]),
                profile=args["profile"],
                nodes=args["nodes"],
                networks={name: str(value) for name, value in args["networks"].items()},
            )
        )
        require(checks)
        warnings = [f"{each.message} {each.hint}" for each in checks if each.warning]
        return {
            "changed": False,
            "checks": [asdict(each) for each in checks],
            **({"warnings": warnings} if warnings else {}),
        }
