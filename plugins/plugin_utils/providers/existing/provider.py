"""The provider for clusters that exist, as the rest of the lab sees it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Missing
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import (
    Profile,
    may_be_named,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import (
    Ability,
    Provider,
    Wanted,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing import (
    access,
    finding,
    namespace,
    rights,
    settings,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.settings import (
    ExistingSettings,
)

_NODES = "/api/v1/nodes"
_NO_NODE = Missing("Nobody said how to enter the nodes of this cluster, so the lab can't.")
_NO_HOST = Missing(
    "The lab doesn't know whether this machine reaches the nodes, so nothing is asked from it."
)


class Existing(Provider):
    """A cluster that somebody else made; the lab has a namespace of its own in it.

    It never makes, stops or removes a cluster. Its options are the fields of ``ExistingSettings``.
    """

    name = "existing"
    needs_root = ""
    takes: ClassVar[frozenset[str]] = frozenset(["kubeconfig", "context"])
    cannot: ClassVar[Mapping[Ability, str]] = {
        Ability.POWER: "The provider 'existing' has no power over the cluster's nodes.",
        Ability.TUNNEL: "The provider 'existing' has no load balancer of its own.",
        Ability.RECORDS: "The provider 'existing' has no name server around the cluster.",
    }

    def make(self, profile: Profile, wanted: Wanted, *, check: bool) -> bool:
        """Make the lab's namespace, or see whether it is still there; write the contract anew."""
        known = settings.load(profile)
        asked = settings.together(known, settings.wanted(wanted.options))
        asked = replace(asked, kubectl=access.kubectl(asked.kubectl))
        document = access.chosen(asked.kubectl, asked)
        text = access.with_namespace(document, asked.namespace)
        api = access.connected(text, document)
        if known and known.server != api.address:
            raise LabError(
                f"The lab {profile.name!r} is in the cluster at {known.server}, not in the one at "
                f"{api.address}.",
                "Take it down first, or use another profile.",
                Kind.INPUT,
            )
        asked = replace(asked, server=api.address)
        there = self._permitted(api, profile, asked)
        nodes = api.get(_NODES).get("items") or []
        made = finding.contract(
            profile,
            asked,
            nodes,
            {item["metadata"]["name"]: _NO_NODE for item in nodes},
            _NO_HOST,
        )
        made = replace(
            made,
            sees_all=not rights.lacking(api, asked.namespace, [rights.SEE_ALL]),
            cannot={ability.name.lower(): why for ability, why in self.cannot.items()},
        )
        if check:
            return not there or made != contract.read(profile.contract)
        settings.save(profile, asked)
        settings.write_secret(settings.kubeconfig(profile), text)
        if not there:
            namespace.make(api, asked, profile.name)
        changed = namespace.allow(api, asked, check=False) or not there
        before = profile.contract.exists() and contract.read(profile.contract)
        contract.write(profile.contract, made)
        return changed or made != before

    def _permitted(self, api: Api, profile: Profile, asked: ExistingSettings) -> bool:
        """Whether the namespace is there; LabError, which names each, if rights lack."""
        blind = rights.lacking(api, asked.namespace, [rights.SEE_NAMESPACE])
        there = not blind and namespace.found(api, asked, profile.name) is not None
        needed = [*rights.IN_NAMESPACE, *rights.IN_CLUSTER]
        if not there:
            needed.append(rights.MAKE_NAMESPACE)
        missing = [*blind, *rights.lacking(api, asked.namespace, needed)]
        if missing:
            raise rights.refusal(missing, asked.namespace)
        return there

    def remove(self, profile: Profile, *, check: bool) -> bool:
        """Remove the lab's namespace, its node label and its folder; never the cluster."""
        known = settings.load(profile)
        if known is None or check:
            return os.path.lexists(profile.folder)
        if settings.kubeconfig(profile).exists():
            api = Api(settings.kubeconfig(profile))
            try:
                access.answering(api)
            except LabError as error:
                error.hint = (
                    f"If that cluster is gone for good, delete {profile.folder} by hand; else the "
                    f"namespace {known.namespace!r} stays there."
                )
                raise
            namespace.remove(api, known, profile.name)
        settings.remove(profile)
        return True

    def processes(self, profile: Profile) -> list[int]:  # noqa: ARG002 - there is nothing
        """None: nothing of the lab runs on this machine."""
        return []

    def labs(self, state: Path) -> set[Profile]:
        """The labs that have a folder in this state folder."""
        folders = state.iterdir() if state.is_dir() else ()
        return {
            Profile(each.name, state)
            for each in folders
            if may_be_named(each.name) and settings.is_lab(each)
        }

    def start(self, profile: Profile, node: str, *, check: bool) -> bool:  # noqa: ARG002
        """See whether the lab is there; the cluster itself runs or not as its owner likes."""
        if node:
            self.refuse(Ability.POWER)
        made = contract.read(profile.contract)
        known = settings.load(profile)
        api = Api(Path(made.kubeconfig))
        access.answering(api)
        if known is None or namespace.found(api, known, profile.name) is None:
            raise LabError(
                f"The namespace {made.namespace!r} of the lab {profile.name!r} is gone.",
                "Make it again with `python3 runner.py provision`.",
                Kind.INPUT,
            )
        return False


PROVIDER = Existing()
