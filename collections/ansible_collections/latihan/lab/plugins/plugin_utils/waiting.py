"""Waits for the cluster by watching it: no polling, and a timeout that says what was last seen."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.api import Api
from ansible_collections.latihan.lab.plugins.plugin_utils.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.expressions import Expression

Document = dict[str, Any]

_RETRY = 0.3


@dataclass(frozen=True)
class Waited:
    """What a wait ended with: the facts, and how long it took in seconds."""

    facts: Document
    seconds: float


@dataclass
class _Store:
    """The objects of one kind as the watches tell them, by UID."""

    items: dict[str, Document] = field(default_factory=dict)

    def apply(self, event: Document) -> None:
        """Take in one change."""
        item = event["object"]
        uid = item["metadata"]["uid"]
        if event["type"] == "DELETED":
            self.items.pop(uid, None)
        else:
            self.items[uid] = item


def wait(
    api: Api,
    contract: Contract,
    namespace: str,
    until: Sequence[Expression],
    timeout: float,
) -> Waited:
    """Watch the cluster until every expression is true of its facts.

    Interfaces and routes inside the nodes are not among these facts: nothing announces a change.

    Args:
        api: the cluster's API.
        contract: the lab as its provider left it.
        namespace: the namespace that is meant.
        until: the expressions.
        timeout: seconds.

    Returns:
        The facts that they were true of.

    Raises:
        LabError: the time is over; it tells which expression isn't true and the last seen state.
    """
    started = time.monotonic()
    ends = started + timeout
    seen = "the API has not answered"
    changes: queue.Queue[tuple[str, Document]] = queue.Queue()
    kinds = needed(until)
    stop = threading.Event()
    for kind, path in facts.paths(namespace).items():
        if kind in kinds:
            threading.Thread(
                target=_follow, args=(api, (kind, path), ends, changes, stop), daemon=True
            ).start()
    stores = {kind: _Store() for kind in facts.paths(namespace)}
    missing = set(kinds)
    try:
        while (left := ends - time.monotonic()) > 0:
            try:
                batch = [changes.get(timeout=left), *_ready(changes)]
            except queue.Empty:
                break
            for kind, event in batch:
                if event["type"] == "TROUBLE":
                    seen = event["message"]
                elif event["type"] == "LIST":
                    stores[kind].items = {item["metadata"]["uid"]: item for item in event["items"]}
                    missing.discard(kind)
                else:
                    stores[kind].apply(event)
            if missing:
                continue
            document = facts.document(
                {kind: list(store.items.values()) for kind, store in stores.items()},
                namespace,
                contract,
            )
            unmet = [why for holds, why in (item.holds(document) for item in until) if not holds]
            if not unmet:
                return Waited(document, time.monotonic() - started)
            seen = f"{unmet[0]}; {state(document, until)}"
    finally:
        stop.set()
    raise LabError(
        f"Waited {timeout:g} s in vain. Last seen: {seen}.",
        "Look with `python3 runner.py kubectl describe pods` and `kubectl get events`.",
    )


def needed(until: Sequence[Expression]) -> set[str]:
    """The kinds of objects that the expressions speak of; all of them where that can't be told."""
    roots = {path[0] for expression in until for path in expression.paths()}
    kinds = {"nodes", "pods", "services", "endpoints"}
    return kinds if "addresses" in roots or not roots & kinds else roots & kinds


def _ready(changes: queue.Queue[tuple[str, Document]]) -> Iterator[tuple[str, Document]]:
    """What else has come meanwhile."""
    while True:
        try:
            yield changes.get_nowait()
        except queue.Empty:
            return


def _follow(
    api: Api,
    listed_as: tuple[str, str],
    ends: float,
    changes: queue.Queue[tuple[str, Document]],
    stop: threading.Event,
) -> None:
    """List the objects of a kind, then tell their changes; start over where a watch breaks off."""
    kind, path = listed_as
    while time.monotonic() < ends and not stop.is_set():
        try:
            listed = api.get(path)
            changes.put((kind, {"type": "LIST", "items": listed.get("items") or []}))
            version = str(listed["metadata"]["resourceVersion"])
            for event in api.watch(path, version, ends - time.monotonic()):
                if stop.is_set() or event["type"] == "ERROR":
                    break
                if event["type"] != "BOOKMARK":
                    changes.put((kind, event))
        except LabError as error:
            changes.put((kind, {"type": "TROUBLE", "message": error.message}))
            stop.wait(_RETRY)


def state(document: Document, until: Sequence[Expression]) -> str:
    """The state of the objects that the expressions speak of, in one line.

    Args:
        document: the facts.
        until: the expressions.

    Returns:
        As in "pod p3: Pending, Unschedulable: 0/2 nodes are available".
    """
    told: dict[str, None] = {}
    for path in sorted({path for expression in until for path in expression.paths()}):
        kind = path[0]
        named = path[1:2] if len(path) > 1 else tuple(document.get(kind) or ())
        describe = _DESCRIBE.get(kind)
        if describe is not None:
            for name in named:
                known = document[kind].get(name)
                told[describe(known) if known else f"there is no {kind} {name}"] = None
    return "; ".join(told) or "nothing"


def _pod(pod: Document) -> str:
    parts = [f"pod {pod['name']}: {pod['phase']}" + (", ready" if pod["ready"] else "")]
    if pod["deleting"]:
        parts.append("being deleted")
    if pod["reason"]:
        parts.append(f"{pod['reason']}: {pod['message']}".rstrip(": "))
    parts += [
        f"container {each['name']} {each['state']} ({each['reason']}) {each['message']}".strip()
        for each in pod["containers"].values()
        if each["state"] != "running" and each["reason"]
    ]
    return ", ".join(parts)


def _node(node: Document) -> str:
    return f"node {node['name']}: {'Ready' if node['ready'] else 'not Ready'} {node['reason']}"


def _service(service: Document) -> str:
    outside = ", ".join(service["external_ips"]) or "none"
    return f"service {service['name']}: {service['type']}, external addresses: {outside}"


def _endpoints(endpoints: Document) -> str:
    ready, waiting = (", ".join(endpoints[key]) or "none" for key in ("ready", "not_ready"))
    return f"endpoints {endpoints['name']}: ready {ready}, not ready {waiting}"


_DESCRIBE = {"pods": _pod, "nodes": _node, "services": _service, "endpoints": _endpoints}
