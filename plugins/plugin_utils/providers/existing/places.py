"""How the nodes, and the place outside them, are entered: by helper pods or the user's commands."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import (
    Api,
    ApiObject,
    RefusedError,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Missing,
    Reach,
    Reachable,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.unpulled import NOT_PULLED
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import entering
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing import namespace
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.settings import (
    ExistingSettings,
)

NONE, NETWORK, PRIVILEGED = "none", "network", "privileged"
HELPER = "latihan.lab/helper"
_MOST = 50
_SECONDS = 20
_POLL = 0.5
_RUNS = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"
UNSAID = Missing("Nobody said how to enter the nodes: see --helpers and lab_enter_node.")


def of_nodes(
    api: Api, asked: ExistingSettings, nodes: Sequence[str], kubectl: Sequence[str]
) -> dict[str, Reach]:
    """How each node is entered; makes and removes helper pods for that.

    Args:
        api: the cluster's API.
        asked: the lab's settings.
        nodes: the nodes' names.
        kubectl: the command line of kubectl for this lab.
    """
    kind = NONE if asked.enter_node else asked.helpers
    chosen = [] if kind == NONE else list(nodes[:_MOST])
    made = _made(api, asked, kind, chosen)
    if asked.enter_node:
        with ThreadPoolExecutor(max_workers=8) as pool:
            found = pool.map(lambda node: entering.by_command(asked.enter_node, node), nodes)
            return dict(zip(nodes, found, strict=True))
    inside = ("chroot", "/proc/1/root") if kind == PRIVILEGED else ()
    rest = Missing(f"Only the first {_MOST} nodes have helper pods.") if chosen else UNSAID
    places: dict[str, Reach] = dict.fromkeys(nodes, rest)
    for node, trouble in made.items():
        enter = (*kubectl, "exec", name_of(node), "--", *inside)
        places[node] = Missing(trouble) if trouble else Reachable(enter, whole=kind == PRIVILEGED)
    return places


def name_of(node: str) -> str:
    """The name of a node's helper pod."""
    return f"helper-{node}"


def helper(node: str, kind: str, image: str) -> ApiObject:
    """The helper pod of a node: in its network, and privileged only if it has to see the rest."""
    security: ApiObject = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
    }
    if kind == PRIVILEGED:
        security = {"privileged": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name_of(node),
            "labels": {namespace.MANAGED_BY: namespace.LATIHAN, HELPER: kind},
        },
        "spec": {
            "nodeName": node,
            "hostNetwork": True,
            "hostPID": kind == PRIVILEGED,
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": "helper",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", _RUNS],
                    "securityContext": security,
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                }
            ],
        },
    }


def _made(api: Api, asked: ExistingSettings, kind: str, nodes: Sequence[str]) -> Mapping[str, str]:
    """Make the helper pods of these nodes, and remove all others.

    Returns:
        By the node's name why there is none; empty if there is one.
    """
    path = f"/api/v1/namespaces/{asked.namespace}/pods"
    query = [("labelSelector", HELPER)]
    there = {item["metadata"]["name"]: item for item in api.get(path, query).get("items") or []}
    wanted = {name_of(node): helper(node, kind, asked.tools) for node in nodes}
    for name, item in there.items():
        if name not in wanted or not _serves(item, wanted[name]):
            namespace.end(api, f"{path}/{name}")
    kept = {name for name, item in there.items() if name in wanted and _serves(item, wanted[name])}
    refused: dict[str, str] = {}
    for node in nodes:
        if name_of(node) not in kept:
            try:
                api.post(path, wanted[name_of(node)])
            except RefusedError as error:
                refused[node] = f"The cluster takes no helper pod: {error.message}"
    return {**refused, **_ready(api, path, [node for node in nodes if node not in refused])}


def _serves(item: ApiObject, wanted: ApiObject) -> bool:
    labels, image = item["metadata"]["labels"], item["spec"]["containers"][0]["image"]
    return (
        labels.get(HELPER) == wanted["metadata"]["labels"][HELPER]
        and image == wanted["spec"]["containers"][0]["image"]
        and (item.get("status") or {}).get("phase") in ("Pending", "Running")
        and "deletionTimestamp" not in item["metadata"]
    )


def _ready(api: Api, path: str, nodes: Sequence[str]) -> dict[str, str]:
    """Wait for the helper pods; by the node's name, why its own doesn't run."""
    ends = time.monotonic() + seconds(_SECONDS)
    states: dict[str, str | None] = dict.fromkeys(nodes)
    while any(state is None for state in states.values()):
        late = time.monotonic() > ends
        listed = api.get(path, [("labelSelector", HELPER)]).get("items") or []
        found = {item["metadata"]["name"]: item for item in listed}
        for node, state in states.items():
            if state is None:
                states[node] = _state(found.get(name_of(node), {}), late=late)
        time.sleep(0 if late else _POLL)
    return {node: state or "" for node, state in states.items()}


def _state(item: ApiObject, *, late: bool) -> str | None:
    """Why a helper pod doesn't run; empty if it does, None if that isn't known yet."""
    for status in (item.get("status") or {}).get("containerStatuses") or []:
        waiting = (status.get("state") or {}).get("waiting") or {}
        if status.get("ready"):
            return ""
        if waiting.get("reason") in NOT_PULLED:
            return f"Its helper pod has no image: {waiting.get('message') or waiting['reason']}"
    return f"Its helper pod is not ready after {_SECONDS} s." if late else None
