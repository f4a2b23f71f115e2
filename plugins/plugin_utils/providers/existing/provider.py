"""The provider for clusters that exist, as the rest of the lab sees it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import (
    Api,
    ApiObject,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import write_private
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import (
    entering,
    memory,
    programs,
    reading,
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
    places,
    rights,
    settings,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.settings import (
    ExistingSettings,
)

_PORT = {"containerPort": 80}
# What the Pod Security Standard "restricted" asks of a container (kubernetes.io: Pod Security).
_RESTRICTED = {
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
}


class Existing(Provider):
    """A cluster that somebody else made; the lab has a namespace of its own in it.

    It never makes, stops or removes a cluster. Its options are the fields of ``ExistingSettings``.
    """

    name = "existing"
    needs_root = ""
    takes: ClassVar[frozenset[str]] = frozenset(["kubeconfig", "context", "helpers"])
    cannot: ClassVar[Mapping[Ability, str]] = {
        Ability.POWER: "The provider 'existing' has no power over the cluster's nodes.",
        Ability.TUNNEL: "The provider 'existing' has no load balancer of its own.",
        Ability.RECORDS: "The provider 'existing' has no name server around the cluster.",
    }

    def make(self, profile: Profile, wanted: Wanted, *, check: bool) -> bool:
        """Make the lab's namespace, or see whether it is still there; write the contract anew."""
        known = settings.MEMORY.load(profile)
        asked = settings.together(known, settings.wanted(wanted.options))
        asked = replace(asked, kubectl=programs.path_of("kubectl", asked.kubectl, "lab_kubectl"))
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
        nodes = api.get(reading.NODES).get("items") or []
        reading.workers(nodes)
        if check:
            return not there
        before = contract.read(profile.contract) if profile.contract.exists() else None
        settings.MEMORY.save(profile, asked)
        write_private(memory.kubeconfig(profile), text)
        try:
            if not there:
                namespace.make(api, asked, profile.name)
            changed = namespace.allow(api, asked) or not there
            made = self._contract(api, profile, asked, nodes)
        except LabError:
            if before is None:
                with contextlib.suppress(LabError):
                    self.remove(profile, check=False)
            raise
        contract.write(profile.contract, made)
        return changed or made != before

    def _contract(
        self, api: Api, profile: Profile, asked: ExistingSettings, nodes: list[ApiObject]
    ) -> contract.Contract:
        """The contract, with every place that can be entered, and what the namespace refuses."""
        cannot = {**self.lacking(), "host_name": reading.NO_NAME}
        container = {"name": "asked", "image": asked.tools}
        own = {"containers": [container | (_RESTRICTED if asked.restricted else {})]}
        if why := namespace.refused(api, asked, own):
            raise LabError(
                f"The namespace {asked.namespace!r} takes no pod such as the lab's: {why}",
                "See what its policies, quota and admission webhooks ask for.",
                Kind.INPUT,
            )
        shared = {"hostNetwork": True, "containers": [{**container, "ports": [_PORT]}]}
        if why := namespace.refused(api, asked, shared):
            cannot["host_network"] = f"The namespace takes no pod on its node's network: {why}"
        host = entering.by_command(asked.enter_host) if asked.enter_host else entering.NO_HOST
        made = finding.contract(profile, asked, nodes, host)
        kubectl = made.kubectl_command("-n", asked.namespace)
        reaches = places.of_nodes(api, asked, [node.name for node in made.nodes], kubectl)
        return replace(
            made,
            nodes=tuple(replace(node, reach=reaches[node.name]) for node in made.nodes),
            host_address=entering.link(host, made.nodes[0].address).address,
            sees_all=not rights.lacking(api, asked.namespace, [rights.SEE_ALL]),
            slices=reading.slices(api),
            cannot=cannot,
        )

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
        if check or not os.path.lexists(profile.folder):
            return os.path.lexists(profile.folder)
        known = settings.MEMORY.load(profile)
        if known and memory.kubeconfig(profile).exists():
            api = Api(memory.kubeconfig(profile))
            try:
                access.answering(api)
            except LabError as error:
                error.hint = (
                    f"If that cluster is gone for good, delete {profile.folder} by hand; else the "
                    f"namespace {known.namespace!r} stays there."
                )
                raise
            namespace.remove(api, known, profile.name)
        settings.MEMORY.remove(profile)
        return True

    def processes(self, profile: Profile) -> list[int]:  # noqa: ARG002 - there is nothing
        """None: nothing of the lab runs on this machine."""
        return []

    def labs(self, state: Path) -> set[Profile]:
        """The labs that have a folder in this state folder."""
        return settings.MEMORY.labs(state)

    def start(self, profile: Profile, node: str, *, check: bool) -> bool:  # noqa: ARG002
        """See whether the lab is there; the cluster itself runs or not as its owner likes."""
        if node:
            self.refuse(Ability.POWER)
        made = contract.read(profile.contract)
        known = settings.MEMORY.load(profile)
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
