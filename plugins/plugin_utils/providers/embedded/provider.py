"""The embedded provider, as the rest of the lab sees it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import (
    Profile,
    may_be_named,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import (
    Provider,
    Tunnel,
    Wanted,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    api,
    daemons,
    engine,
    layout,
    names,
    spaces,
    tunnel,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import (
    Layout,
    Settings,
)

_OPTIONS = ("binaries", "daemons", "registry")
# Newer daemons or images are no reason to refuse a cluster that works with the old ones.
_FIXED = (
    "nodes",
    "network",
    "pod_network",
    "service_network",
    "binaries",
    "pull_through",
    "proxy_mode",
    "ip_family",
)
_MORE = ("pull_through", "proxy_mode", "ip_family")


class Embedded(Provider):
    """A real cluster whose nodes are Linux namespaces of this machine; it has every ability.

    Its options are the folders ``binaries``, ``daemons`` and ``registry``, ``pull_through``,
    ``proxy_mode`` and ``ip_family``, as in ``Settings``.
    """

    name = engine.PROVIDER
    needs_root = "the lab's nodes are namespaces of this machine"

    def make(self, profile: Profile, wanted: Wanted, *, check: bool) -> bool:
        """Make a cluster, or start the existing one."""
        cluster = layout.plan(_settings(profile, wanted))
        if profile.contract.exists():
            _require_same(_known(profile).settings, cluster.settings)
            started = self.start(profile, "", check=check)
            admitted = not check and api.admit_pods(cluster)
            return started or admitted
        _require_alone(profile)
        if not check:
            # Whatever an interrupted run left is in the way.
            engine.teardown(profile.name, profile.state)
            engine.create(cluster)
        return True

    def remove(self, profile: Profile, *, check: bool) -> bool:
        """Remove everything of a cluster."""
        if check:
            return os.path.lexists(profile.folder) or bool(self.processes(profile))
        return engine.teardown(profile.name, profile.state)

    def processes(self, profile: Profile) -> list[int]:
        """The processes whose environment says that they belong to the lab."""
        return spaces.processes(profile.name, profile.state)

    def troubles(self, profile: Profile) -> list[str]:
        """The daemons that don't run and why, and memory that ran out."""
        try:
            return daemons.troubles(_known(profile))
        except LabError:
            return []

    def labs(self, state: Path) -> set[Profile]:
        """The labs that have processes, and those that have a folder in this state folder."""
        folders = state.iterdir() if state.is_dir() else ()
        return spaces.labs() | {
            Profile(each.name, state)
            for each in folders
            if may_be_named(each.name) and layout.is_lab(each)
        }

    def start(self, profile: Profile, node: str, *, check: bool) -> bool:
        """Start a cluster, or one node of it."""
        cluster = _known(profile)
        if check:
            return len(_running(cluster, node)) < len(_meant(cluster, node))
        return engine.start(cluster, [node] if node else [])

    def stop(self, profile: Profile, node: str, *, check: bool) -> bool:
        """Stop a cluster, or one node of it."""
        cluster = _known(profile)
        if check:
            return bool(_running(cluster, node))
        return engine.stop(cluster, [node] if node else [])

    def tunnel(self, profile: Profile, namespace: str) -> Tunnel:
        """The tunnel for a namespace's services."""
        layout.need_own(profile.folder)
        return tunnel.EmbeddedTunnel(profile, namespace)

    def set_records(self, profile: Profile, records: Mapping[str, str], *, check: bool) -> bool:
        """Set the records that the lab's host answers with."""
        return names.set_records(profile, records, check=check)


PROVIDER = Embedded()


def _settings(profile: Profile, wanted: Wanted) -> Settings:
    missing = [name for name in _OPTIONS if not wanted.options.get(name)]
    unknown = sorted(wanted.options.keys() - {*_OPTIONS, *_MORE})
    if missing or unknown:
        wrong = [f"missing {name}" for name in missing] + [f"unknown {name}" for name in unknown]
        raise LabError(
            f"The options of the provider {PROVIDER.name!r} are wrong: {', '.join(wrong)}.",
            "Use the role latihan.lab.cluster, which provides what it needs.",
            Kind.INPUT,
        )
    return Settings(
        profile=profile.name,
        state=str(profile.state),
        nodes=wanted.nodes,
        network=wanted.network,
        pod_network=wanted.pod_network,
        service_network=wanted.service_network,
        **wanted.options,
    )


def _require_alone(profile: Profile) -> None:
    """Refuse to make a lab if another one has its name: they would share control groups."""
    for lab in spaces.labs():
        if lab.name == profile.name and lab.state != profile.state:
            raise LabError(
                f"Another lab {lab.name!r} is up: its files are in {lab.folder}.",
                f"Use another name, or take it down: `LATIHAN_STATE={lab.state} python3 runner.py "
                f"teardown --profile {lab.name}`.",
                Kind.INPUT,
            )


def _known(profile: Profile) -> Layout:
    """The layout of an existing cluster; LabError if its files can't be read or aren't its own."""
    layout.need_own(profile.folder)
    contract.read(profile.contract)
    return layout.load(profile.state, profile.name)


def _meant(cluster: Layout, node: str) -> list[str]:
    return [cluster.node(node).name] if node else [each.name for each in cluster.nodes]


def _running(cluster: Layout, node: str) -> list[str]:
    """Those of the nodes that are meant (empty for all) that run."""
    up = contract.read(cluster.contract).entries
    return [name for name in _meant(cluster, node) if name in up]


def _require_same(made: Settings, wanted: Settings) -> None:
    old, new = asdict(made), asdict(wanted)
    other = [f"{name} is {old[name]}, not {new[name]}" for name in _FIXED if old[name] != new[name]]
    if other:
        raise LabError(
            f"The cluster {made.profile} was made differently: {'; '.join(other)}.",
            f"Take it down first: `python3 runner.py teardown --profile {made.profile}`.",
            Kind.INPUT,
        )
