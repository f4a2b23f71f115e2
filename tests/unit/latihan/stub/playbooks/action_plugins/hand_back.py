"""A task that returns what it is given, as the lab's own plugins return their findings."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Returns its own options."""

    _requires_connection = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the task's options as its result."""
        return {**super().run(tmp, task_vars), **self._task.args}
