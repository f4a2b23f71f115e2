"""Waits for the cluster by watching it: no polling, and a timeout says what was last seen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts, predecessors
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    Document,
    Expression,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    EndpointsInfo,
    Facts,
    NodeInfo,
    PodInfo,
    ServiceInfo,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.unpulled import Pulls, Unpulled
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.watching import (
    Changed,
    Event,
    Listed,
    Trouble,
    Watch,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds

_RETRY = 0.3
_PULL = 12.0
"""How long an image may not be there, in seconds: the kubelet's second attempt is after 10."""


@dataclass(frozen=True)
class Waited:
    """How a wait ended: the facts, how long it took in seconds, and what was still not true.

    ``unmet`` is empty if everything became true; ``document`` is the facts as plain data.
    """

    facts: Facts
    document: Document
    seconds: float
    unmet: str = ""


@dataclass(frozen=True)
class Goal:
    """What to wait for.

    ``until`` are the expressions that must become true, ``keep`` those that are evaluated then;
    ``timeout`` is in seconds.
    """

    until: Sequence[Expression]
    keep: Sequence[Expression] = ()
    timeout: float = 60.0


class WatchedObjects:
    """The cluster as the watches see it; ``kinds`` are the kinds of objects that are watched."""

    def __init__(self, kinds: set[str]) -> None:
        self.trouble = "the API has not answered"
        self._items: dict[str, dict[str, ApiObject]] = {}
        self._missing = set(kinds)

    @property
    def complete(self) -> bool:
        """Whether every kind was listed."""
        return not self._missing

    def take(self, kind: str, event: Event) -> None:
        """Take in an event."""
        match event:
            case Trouble(message=message):
                self.trouble = message
            case Listed(items=items):
                self._items[kind] = {item["metadata"]["uid"]: item for item in items}
                self._missing.discard(kind)
            case Changed(item=item, gone=True):
                self._items[kind].pop(item["metadata"]["uid"], None)
            case Changed(item=item):
                self._items[kind][item["metadata"]["uid"]] = item

    def facts(self, namespace: str, contract: Contract) -> Facts:
        """The facts without interfaces and routes, which can't be watched."""
        items = {kind: self._items.get(kind, {}).values() for kind in facts.paths(namespace)}
        return facts.assemble(items, namespace, contract)


def wait(api: Api, contract: Contract, namespace: str, goal: Goal) -> Waited:
    """Watch the cluster until every expression is true of its facts, or the time is up.

    For a pod that an expression names, also wait until no earlier pod with its name runs.

    Args:
        api: the cluster's API.
        contract: the lab as its provider left it.
        namespace: the namespace that is meant.
        goal: what to wait for.

    Returns:
        The last facts; ``unmet`` says which expression isn't true, and what was last seen.

    Raises:
        LabError: the cluster could not be read at all, or the image of a pod that an expression
            names can't be pulled.
    """
    started = time.monotonic()
    ends = started + goal.timeout
    kinds = needed([*goal.until, *goal.keep])
    watched = WatchedObjects(kinds)
    last: Waited | None = None
    paths = facts.paths(namespace, contract)
    watch = Watch(api, {kind: paths[kind] for kind in kinds}, goal.timeout)
    pause = goal.timeout
    pulls = Pulls(seconds(_PULL))
    try:
        while (left := ends - time.monotonic()) > 0:
            for kind, event in watch.arrived(min(left, pause)):
                watched.take(kind, event)
            if watched.complete:
                last = _judged(watched.facts(namespace, contract), goal, started)
                meant = _meant(last.facts, goal.until)
                if last.unmet:
                    if unpulled := pulls.see(meant, time.monotonic()):
                        raise not_pulled(unpulled)
                    pause = pulls.due(time.monotonic()) or goal.timeout
                    continue
                earlier = predecessors.still_running(api, meant)
                if not earlier:
                    return last
                # Their end can't be watched.
                last, pause = replace(last, unmet="; ".join(earlier)), _RETRY
    finally:
        watch.stop()
    if last is None:
        raise refusals.explained(
            f"Waited {goal.timeout:g} s in vain: {watched.trouble}",
            "See whether the lab is up: `python3 runner.py status`.",
            watched.trouble,
        )
    return last


def not_pulled(unpulled: Unpulled) -> LabError:
    """The failure of a wait for a pod whose image can't be pulled."""
    return LabError(
        f"The image {unpulled.image} of the pod {unpulled.pod} can't be pulled: "
        f"{unpulled.words.rstrip('.')}.",
        "Get it into the lab with `python3 runner.py image load FILE` (docs/images.md), or name an "
        "image that the cluster can pull: lab_images (docs/providers.md).",
    )


def _meant(known: Facts, until: Sequence[Expression]) -> list[PodInfo]:
    """The pods that the expressions name."""
    names = {path[1] for item in until for path in item.paths() if path[0] == "pods" and path[1:]}
    return [pod for name, pod in known.pods.items() if name in names]


def _judged(known: Facts, goal: Goal, started: float) -> Waited:
    document = known.plain()
    unmet = [why for holds, why in (item.holds(document) for item in goal.until) if not holds]
    first = f"{unmet[0]}; last seen: {state(known, goal.until)}" if unmet else ""
    return Waited(known, document, time.monotonic() - started, first)


def needed(expressions: Sequence[Expression]) -> set[str]:
    """The kinds of objects that the expressions use; all kinds if that can't be seen from them."""
    roots = {path[0] for expression in expressions for path in expression.paths()}
    kinds = {"nodes", "pods", "services", "endpoints"}
    return kinds if "addresses" in roots or not roots & kinds else roots & kinds


def state(known: Facts, until: Sequence[Expression]) -> str:
    """The state of the objects that the expressions use, in one line.

    Args:
        known: the facts.
        until: the expressions.

    Returns:
        As in "pod p3: Pending, Unschedulable: 0/2 nodes are available".
    """
    states: dict[str, None] = {}
    for path in sorted({path for expression in until for path in expression.paths()}):
        kind, *named = path[:2]
        if kind in ("pods", "nodes", "services", "endpoints"):
            members: dict[str, Described] = getattr(known, kind)
            for name in named or members:
                found = members.get(name)
                states[_described(found) if found else f"{kind} {name}: not found"] = None
    return "; ".join(states) or "nothing"


Described = PodInfo | NodeInfo | ServiceInfo | EndpointsInfo


def _described(item: Described) -> str:
    match item:
        case PodInfo():
            return _pod(item)
        case NodeInfo():
            return f"node {item.name}: {'Ready' if item.ready else 'not Ready'} {item.reason}"
        case ServiceInfo():
            outside = ", ".join(item.external_ips) or "none"
            return f"service {item.name}: {item.type}, external addresses: {outside}"
        case EndpointsInfo():
            ready, waiting = (", ".join(each) or "none" for each in (item.ready, item.not_ready))
            return f"endpoints {item.name}: ready {ready}, not ready {waiting}"


def _pod(pod: PodInfo) -> str:
    parts = [f"pod {pod.name}: {pod.phase}" + (", ready" if pod.ready else "")]
    if pod.deleting:
        parts.append("being deleted")
    if pod.reason:
        parts.append(f"{pod.reason}: {pod.message}".rstrip(": "))
    parts += [
        f"container {each.name} {each.state} ({each.reason}) {each.message}".strip()
        for each in pod.containers.values()
        if each.state != "running" and each.reason
    ]
    return ", ".join(parts)
