"""End a run with its verdict; see the module's documentation."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import verdicts


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.verdict``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Fail where an outcome failed, and where none was checked."""
        known = verdicts.earlier(self.task_vars)
        if self.check_mode and not known:
            return {"changed": False, "skipped": True}
        bad = verdicts.failed(known)
        if bad:
            raise LabError(
                f"{len(bad)} of {len(known)} outcomes failed: {', '.join(bad)}.",
                "The report tells what was expected and what was seen.",
                Kind.OUTCOME,
                "\n".join(verdicts.told(name, known[name]) for name in bad),
            )
        missing = [name for name in args["ids"] if name not in known]
        if missing or not known:
            raise LabError(
                f"Not checked: {', '.join(missing) or 'any outcome'}.",
                "Without an answer nothing is proven.",
                Kind.OUTCOME,
            )
        return {"changed": False, "msg": f"All of {len(known)} outcomes hold.", "checked": [*known]}
