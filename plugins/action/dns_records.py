"""latihan.lab.dns_records: the DNS records of the network around the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import names


class ActionModule(LabAction):
    """See ``ansible-doc latihan.lab.dns_records``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Set the records."""
        path = Path(args["contract"])
        state = path.parent.parent
        changed = names.set_records(
            contract.read(path), state, args["records"], check=self.check_mode
        )
        return {"changed": changed}
