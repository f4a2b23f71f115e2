"""latihan.lab.cluster: an embedded cluster made, started, stopped, removed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.action import LabAction
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    engine,
    layout,
    spaces,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import (
    Layout,
    Settings,
)

_MADE_OF = ("nodes", "network", "pod_network", "service_network", "binaries", "daemons", "registry")
# Newer daemons or images are no reason to refuse a cluster that runs well with the old ones.
_FIXED = ("nodes", "network", "pod_network", "service_network", "binaries")


class ActionModule(LabAction):
    """See ``ansible-doc latihan.lab.cluster``."""

    def execute(self, args: dict[str, Any]) -> dict[str, Any]:
        """Bring the cluster into the state that is asked for."""
        state_folder, profile = Path(args["state_folder"]), str(args["profile"])
        if args["state"] == "absent":
            return {"changed": self._absent(profile, state_folder)}
        if args["state"] == "present":
            cluster = _wanted(args)
            changed = self._present(cluster)
        else:
            cluster = layout.load(state_folder, profile)
            changed = self._power(cluster, args["state"], [args["node"]] if args["node"] else [])
        return {"changed": changed, "contract": str(cluster.contract)}

    def _present(self, wanted: Layout) -> bool:
        state, profile = Path(wanted.settings.state), wanted.settings.profile
        if wanted.contract.exists():
            there = layout.load(state, profile)
            _require_same(there.settings, wanted.settings)
            return self._power(there, "started", [])
        if not self.check_mode:
            engine.teardown(profile, state)  # Whatever an interrupted run left is in the way.
            engine.create(wanted)
        return True

    def _power(self, cluster: Layout, state: str, nodes: list[str]) -> bool:
        if self.check_mode:
            running = spaces.find(cluster.settings.profile, Path(cluster.settings.state))
            names = nodes or [node.name for node in cluster.nodes]
            return any((name in running) != (state == "started") for name in names)
        if state == "stopped":
            return engine.stop(cluster, nodes)
        return engine.start(cluster, nodes)

    def _absent(self, profile: str, state_folder: Path) -> bool:
        if self.check_mode:
            there = (state_folder / profile).exists()
            return there or bool(spaces.processes(profile, state_folder))
        return engine.teardown(profile, state_folder)


def _wanted(args: dict[str, Any]) -> Layout:
    missing = [name for name in _MADE_OF if args[name] in (None, "")]
    if missing:
        raise LabError(
            f"latihan.lab.cluster: state=present needs {', '.join(missing)}.",
            "The roles machine, kubernetes and images bring the folders.",
            Kind.INPUT,
        )
    return layout.plan(
        Settings(
            profile=args["profile"],
            state=args["state_folder"],
            nodes=args["nodes"],
            network=args["network"],
            pod_network=args["pod_network"],
            service_network=args["service_network"],
            binaries=args["binaries"],
            toolbox=args["daemons"],
            registry=args["registry"],
        )
    )


def _require_same(there: Settings, wanted: Settings) -> None:
    old, new = asdict(there), asdict(wanted)
    other = [f"{name} is {old[name]}, not {new[name]}" for name in _FIXED if old[name] != new[name]]
    if other:
        raise LabError(
            f"The cluster {there.profile} was made differently: {'; '.join(other)}.",
            f"Take it down first: `python3 runner.py teardown --profile {there.profile}`.",
            Kind.INPUT,
        )
