"""Note what becomes of a lab machine; see the module's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.machines import failures, records

_KINDS = {1: "outcome", 2: "input", 3: "machine"}


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.machine_record``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Write it down, and say so if the machine has no lab that holds."""
        folder, machine, ended = Path(args["folder"]), args["machine"], args["ended"]
        if self.check_mode and not args["result"]:
            return {"changed": False}
        if args["result"]:
            trouble = failures.trouble_of(args["result"], args["address"])
            changes: dict[str, object] = {
                "state": "failed",
                "step": args["step"],
                "message": trouble.message,
                "hint": trouble.hint,
                "kind": trouble.kind.value,
            }
        elif ended:
            code = ended["code"]
            changes = {
                "state": "ended",
                "code": code,
                "held": ended["held"],
                "unit": args["unit"],
                "message": ended.get("message", ""),
                "hint": ended.get("hint", ""),
                "kind": _KINDS.get(code, "step") if code else "",
            }
        else:
            records.begin(folder, machine, args["address"], keep=args["keep"])
            return {"changed": False}
        if not self.check_mode:
            records.update(folder, machine, changes)
        result: dict[str, Any] = {"changed": False}
        if changes["kind"]:
            said = " ".join(str(changes[name]) for name in ("message", "hint") if changes[name])
            result["ansible_facts"] = {"lab_machine_trouble": said}
        return result
