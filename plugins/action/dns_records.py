"""Set the DNS records of the network around the cluster; see the module's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction


class ActionModule(LabAction):
    """The action plugin ``latihan.lab.dns_records``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Set the records."""
        profile = profiles.of_contract(Path(args["contract"]))
        provider = providers.of(profile)
        return {"changed": provider.set_records(profile, args["records"], check=self.check_mode)}
