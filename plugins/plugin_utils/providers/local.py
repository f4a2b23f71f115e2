"""A cluster that another program makes on this machine: what such providers have in common."""

from __future__ import annotations

import contextlib
import os
import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract, facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Node,
    Reach,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import (
    entering,
    memory,
    programs,
    reading,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Provider, Wanted
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.memory import Memory

_READY_WITHIN = 300.0
_POLL = 1.0
_TROUBLE = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
# What a cluster keeps from its making on.
_FIXED = ("nodes", "pod_network", "service_network", "driver", "cni", "kubernetes", "arguments")
_FAR = Missing(
    "The nodes' addresses are behind a router for this machine, so nothing is asked from it."
)


@dataclass(frozen=True)
class LocalSettings:
    """What somebody asked for.

    Args:
        nodes: how many nodes.
        network: where the nodes' addresses should come from, if the program takes that.
        pod_network, service_network: CIDR blocks.
        driver: what runs the nodes.
        cni: the network of the pods; empty for the program's own choice.
        kubernetes: its version; empty for the program's own choice.
        arguments: more arguments for the command that makes the cluster.
        program: the program; empty for the first one in the PATH.
        kubectl: the kubectl for the lab; empty for the first one in the PATH.
        enter_node, enter_host: commands that enter a node, and the place outside. If the first is
            empty, it is the provider's own; if the second is, nothing is asked from outside.
    """

    nodes: int
    network: str
    pod_network: str
    service_network: str
    driver: str
    cni: str = ""
    kubernetes: str = ""
    arguments: tuple[str, ...] = ()
    program: str = ""
    kubectl: str = ""
    enter_node: str = ""
    enter_host: str = ""


class Tool(Protocol):
    """The program that makes a cluster, for one lab; every method may raise a LabError."""

    def need(self) -> None:
        """See whether the program can be used: it is there, and not too old."""

    def exists(self) -> bool:
        """Whether there is a cluster of the lab's name, whoever made it."""

    def create(self) -> None:
        """Make the cluster, and its kubeconfig in the lab's folder."""

    def delete(self) -> None:
        """Remove the cluster, even a half-made one."""

    def states(self) -> dict[str, bool]:
        """By each node's name, the first node first, whether it runs."""

    def start(self, node: str) -> None:
        """Start the cluster, or one node of it."""

    def stop(self, node: str) -> None:
        """Stop the cluster, or one node of it."""

    def enter(self) -> str:
        """The command that enters a node, with ``{node}`` for its name."""


class Local(Provider):
    """Makes a cluster with another program; a cluster that the lab didn't make is left alone.

    Its options are the fields of ``LocalSettings`` that ``Wanted`` doesn't have. ``memory`` is what
    it knows of its labs; what isn't in there isn't the lab's.
    """

    needs_root = ""
    memory: ClassVar[Memory[LocalSettings]]
    named_by: ClassVar[str]  # what the program calls its clusters, as in "profile"
    host_name: ClassVar[str] = reading.NO_NAME  # why nodes have no name for this machine

    @abstractmethod
    def tool(self, profile: Profile, settings: LocalSettings) -> Tool:
        """The program, for a lab."""

    def make(self, profile: Profile, wanted: Wanted, *, check: bool) -> bool:
        """Make a cluster, or start the existing one; refuse one that isn't the lab's."""
        asked = _settings(self.name, wanted)
        asked = replace(asked, kubectl=programs.path_of("kubectl", asked.kubectl, "lab_kubectl"))
        tool, known = self.tool(profile, asked), self.memory.load(profile)
        tool.need()
        there = tool.exists()
        if known is None and there:
            raise LabError(
                f"There is a {self.named_by} {profile.name!r} that this lab didn't make, so it is "
                "left alone.",
                "Choose another name with --profile, or see docs/providers.md to use it as it is.",
                Kind.INPUT,
            )
        if known is not None:
            _require_same(profile, known, asked)
        made = there and profile.contract.exists()
        if check:
            return not made or _needs_start(tool.states(), "")
        if made:
            self.memory.save(profile, asked)
            return self.start(profile, "", check=False)
        if there:  # An interrupted run left it.
            tool.delete()
        self.memory.save(profile, asked)
        try:
            tool.create()
            self._see(profile, asked, tool)
        except LabError:
            with contextlib.suppress(LabError):
                self.remove(profile, check=False)
            raise
        return True

    def remove(self, profile: Profile, *, check: bool) -> bool:
        """Remove the cluster, if the lab made it, and the lab's folder."""
        if check or not os.path.lexists(profile.folder):
            return os.path.lexists(profile.folder)
        known = self.memory.load(profile)
        if known is not None:
            tool = self.tool(profile, known)
            if tool.exists():
                tool.delete()
        self.memory.remove(profile)
        return True

    def processes(self, profile: Profile) -> list[int]:  # noqa: ARG002 - there is nothing
        """None that ends with the lab: the program keeps its own."""
        return []

    def labs(self, state: Path) -> set[Profile]:
        """The labs that have a folder in this state folder."""
        return self.memory.labs(state)

    def start(self, profile: Profile, node: str, *, check: bool) -> bool:
        """Start what is stopped of a cluster, or one node of it."""
        settings, tool = self._known(profile, node)
        stopped = _needs_start(tool.states(), node)
        if check:
            return stopped
        if stopped:
            tool.start(node)
        before = contract.read(profile.contract)
        self._see(profile, settings, tool)
        return stopped or contract.read(profile.contract) != before

    def stop(self, profile: Profile, node: str, *, check: bool) -> bool:
        """Stop a cluster, or one node of it."""
        settings, tool = self._known(profile, node)
        states = tool.states()
        running = any(runs for name, runs in states.items() if node in ("", name))
        if check:
            return running
        if running:
            tool.stop(node)
            states = tool.states()
        before = contract.read(profile.contract)
        nodes = (
            replace(each, reach=self._reach(settings, tool, each.name, states))
            for each in before.nodes
        )
        contract.write(profile.contract, replace(before, nodes=tuple(nodes)))
        return running

    def _known(self, profile: Profile, node: str) -> tuple[LocalSettings, Tool]:
        """The settings of an existing lab, and its tool; LabError if a node isn't its own."""
        made, settings = contract.read(profile.contract), self.memory.load(profile)
        if node:
            made.node(node)
        if settings is None:
            raise LabError(
                f"{profile.folder} doesn't say what the lab was made with.",
                "Take it down and make it again.",
                Kind.INPUT,
            )
        return settings, self.tool(profile, settings)

    def _see(self, profile: Profile, settings: LocalSettings, tool: Tool) -> None:
        """Write the contract as the cluster is now, once all nodes that run are Ready."""
        states = tool.states()
        api = Api(memory.kubeconfig(profile))
        items = _ready(api, {name for name, runs in states.items() if runs})
        nodes = sorted((facts.node(item) for item in items), key=lambda node: node.name)
        first = next((node.internal_ip for node in nodes if states.get(node.name)), None) or ""
        host = entering.by_command(settings.enter_host) if settings.enter_host else entering.NO_HOST
        link = entering.link(host, first)
        cannot = self.lacking() | ({"host_name": self.host_name} if self.host_name else {})
        made = Contract(
            profile=profile.name,
            provider=self.name,
            kubeconfig=str(memory.kubeconfig(profile)),
            kubectl=settings.kubectl,
            host_address=link.address,
            host=host if link.direct or isinstance(host, Missing) else _FAR,
            nodes=tuple(
                Node(
                    node.name,
                    node.internal_ip or "",
                    self._reach(settings, tool, node.name, states),
                )
                for node in nodes
            ),
            kubectl_cache=str(memory.kubectl_cache(profile)),
            workers=reading.workers(items),
            slices=reading.slices(api),
            cannot=cannot,
        )
        contract.write(profile.contract, made)

    def _reach(
        self, settings: LocalSettings, tool: Tool, node: str, states: Mapping[str, bool]
    ) -> Reach:
        if not states.get(node):
            return Stopped()
        return entering.by_command(settings.enter_node or tool.enter(), node)


def _settings(name: str, wanted: Wanted) -> LocalSettings:
    options: dict[str, Any] = {**wanted.options}
    try:
        return LocalSettings(
            nodes=wanted.nodes,
            network=wanted.network,
            pod_network=wanted.pod_network,
            service_network=wanted.service_network,
            **{**options, "arguments": tuple(options.get("arguments") or ())},
        )
    except TypeError as error:
        raise LabError(
            f"The options of the provider {name!r} are wrong: {error}.",
            "Use the role latihan.lab.cluster, which sets them.",
            Kind.INPUT,
        ) from error


def _require_same(profile: Profile, made: LocalSettings, asked: LocalSettings) -> None:
    pairs = ((name, getattr(made, name), getattr(asked, name)) for name in _FIXED)
    other = [f"{name} is {old!r}, not {new!r}" for name, old, new in pairs if old != new]
    if other:
        raise LabError(
            f"The cluster {profile.name!r} was made differently: {'; '.join(other)}.",
            f"Take it down first: `python3 runner.py teardown --profile {profile.name}`.",
            Kind.INPUT,
        )


def _needs_start(states: Mapping[str, bool], node: str) -> bool:
    """Whether a node, or any if it is empty, doesn't run; there is none if all are gone."""
    return not states.get(node, False) if node else not (states and all(states.values()))


def _ready(api: Api, running: set[str]) -> list[ApiObject]:
    """The cluster's nodes, once all that run are Ready; LabError names those that aren't."""
    ends = time.monotonic() + seconds(_READY_WITHIN)
    while True:
        late = time.monotonic() > ends
        try:
            items: list[ApiObject] = api.get(reading.NODES).get("items") or []
        except LabError:
            if late:
                raise
            items = []
        ready = {item["metadata"]["name"] for item in items if _settled(item)}
        if running <= ready:
            return items
        if late:
            missing = ", ".join(sorted(running - ready))
            raise LabError(
                f"Not Ready after {seconds(_READY_WITHIN):g} s: {missing}.",
                "Look at `kubectl describe nodes`, with the lab's kubeconfig.",
            )
        time.sleep(_POLL)


def _settled(node: ApiObject) -> bool:
    """Whether a node is Ready, and Kubernetes no longer keeps pods from it because it wasn't."""
    taints = node["spec"].get("taints") or []
    return facts.node(node).ready and not any(
        str(taint.get("key")).startswith(_TROUBLE) for taint in taints
    )
