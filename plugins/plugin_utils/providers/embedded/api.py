"""What the engine asks of the cluster's API: to be ready, to take objects, to have ready nodes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import Completed, run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import short_lived
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import daemons
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import Layout

if TYPE_CHECKING:
    from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api

READY = "Ready"
# The taint of a cordoned node.
_CORDONED = "node.kubernetes.io/unschedulable"
_POLL = 0.15
_APPLIES_WITHIN = 20.0
# As this provider writes it.
_SERVER = re.compile(r"^ +server: https://127\.0\.0\.1:([0-9]{1,5})$", re.MULTILINE)
_LAST_PORT = 65535
_DNS_ENDPOINTS = "/api/v1/namespaces/kube-system/endpoints/kube-dns"
_SYSTEM_PODS = "/api/v1/namespaces/kube-system/pods"


def port_of(kubeconfig: Path) -> int:
    """The port on 127.0.0.1 of a lab's kubeconfig; 0 (any) if it has none, or isn't there yet."""
    try:
        found = _SERVER.search(kubeconfig.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    port = int(found[1]) if found else 0
    return port if port <= _LAST_PORT else 0


def apply(layout: Layout, manifest: str) -> None:
    """Apply a manifest, given as text."""
    # A new API server answers before the first namespaces and roles exist: try again.
    deadline = time.monotonic() + seconds(_APPLIES_WITHIN)
    while True:
        done = _kubectl(layout, "apply", "--validate=false", "-f", "-", stdin=manifest, check=False)
        if done.returncode == 0:
            return
        if time.monotonic() > deadline:
            raise LabError(f"The cluster refuses its own objects: {done.stderr.strip()}")
        time.sleep(_POLL)


def wait_api(layout: Layout, within: float) -> None:
    """Wait until the API says that it is ready; before that there is nothing to watch."""
    api = _reader(layout)

    def look() -> str:
        api.text("/readyz")
        return ""

    amiss = _awaited(look, within)
    if amiss:
        raise daemons.late(
            layout,
            f"The API of {layout.settings.profile} isn't ready after {within:g} s.",
            amiss,
        )


def introduce_nodes(layout: Layout, roles: Sequence[str], within: float) -> None:
    """Give each node its block of pod addresses and its role as soon as its kubelet registers it.

    A kubelet may do neither itself (NodeRestriction admission; the cluster sets ``spec.podCIDR``).

    Args:
        layout: the cluster.
        roles: those of the control plane's node, which ``kubectl get nodes`` shows.
        within: seconds.
    """
    deadline = time.monotonic() + within
    for node in layout.nodes:
        own = roles if node.control_plane else ()
        labels = {f"node-role.kubernetes.io/{role}": "" for role in own}
        patch = {
            "metadata": {"labels": labels},
            "spec": {"podCIDR": node.pod_block, "podCIDRs": node.pod_blocks},
        }
        command = ["patch", "node", node.name, "--patch", json.dumps(patch)]
        while (done := _kubectl(layout, *command, check=False)).returncode != 0:
            if time.monotonic() > deadline:
                raise daemons.late(
                    layout,
                    f"The node {node.name} didn't join within {within:g} s.",
                    done.stderr.strip(),
                )
            time.sleep(_POLL)


def wait_nodes(
    layout: Layout, since: float | None, within: float, names: Sequence[str] = ()
) -> None:
    """Wait until nodes are Ready.

    Args:
        layout: the cluster.
        since: count only what a kubelet reported after this time (seconds since the epoch): the API
            remembers a node that was down as Ready until somebody checks. None counts all.
        within: seconds.
        names: the nodes; none means all.
    """
    api = _reader(layout)
    wanted = list(names) or [node.name for node in layout.nodes]

    def look() -> str:
        states = {
            node["metadata"]["name"]: node_state(node, since)
            for node in api.get("/api/v1/nodes")["items"]
        }
        seen = {name: states.get(name, "unknown") for name in wanted}
        return "; ".join(f"{name}: {state}" for name, state in seen.items() if state != READY)

    amiss = _awaited(look, within)
    if amiss:
        raise daemons.late(
            layout,
            f"After {within:g} s not every node is Ready. {amiss.rstrip('.')}.",
            amiss,
        )


def node_state(node: dict[str, Any], since: float | None) -> str:
    """``Ready``, or why a node isn't."""
    conditions = node.get("status", {}).get("conditions", [])
    ready = next((item for item in conditions if item["type"] == "Ready"), None)
    if ready is None:
        return "its kubelet hasn't reported yet"
    if since is not None and _seconds(ready["lastHeartbeatTime"]) < int(since):
        return "its kubelet hasn't reported since the start"
    return READY if ready["status"] == "True" else ready.get("message", "not ready")


def admit_pods(layout: Layout) -> bool:
    """Let every node take pods again, if somebody cordoned or tainted it.

    Returns:
        Whether there was such a node.
    """
    patches = {
        node["metadata"]["name"]: admitting(node)
        for node in _reader(layout).get("/api/v1/nodes")["items"]
    }
    for name, patch in patches.items():
        if patch:
            _kubectl(layout, "patch", "node", name, "--type=merge", "--patch", json.dumps(patch))
    return any(patches.values())


def admitting(node: dict[str, Any]) -> dict[str, Any]:
    """The patch with which a node takes any pod; empty if it does.

    A taint that only makes other nodes preferred stays, and so do those by which Kubernetes says
    that a node isn't ready (kubernetes: well_known_taints.go).
    """
    taints = node["spec"].get("taints", [])
    kept = [
        taint
        for taint in taints
        if taint["effect"] == "PreferNoSchedule" or taint["key"].startswith("node.kubernetes.io/")
    ]
    if kept == taints and not node["spec"].get("unschedulable"):
        return {}
    kept = [taint for taint in kept if taint["key"] != _CORDONED]
    return {"spec": {"unschedulable": None, "taints": kept or None}}


def wait_system(layout: Layout, since: float, within: float) -> None:
    """Wait until every pod of the system (the cluster's DNS) is ready.

    Args:
        layout: the cluster.
        since: count only containers that started after this time (seconds since the epoch): the API
            remembers those of a stopped cluster as ready until a kubelet checks.
        within: seconds.
    """
    api = _reader(layout)

    def look() -> str:
        pods = [pod for pod in api.get(_SYSTEM_PODS)["items"] if not ended(pod)]
        waiting = [pod["metadata"]["name"] for pod in pods if not serves(pod, since)]
        return ", ".join(waiting) if pods else "no system pods"

    amiss = _awaited(look, within)
    if amiss:
        raise daemons.late(
            layout,
            f"After {within:g} s these pods are not ready: {amiss.rstrip('.')}.",
            amiss,
        )


def wait_rules(layout: Layout, rules: Callable[[], Mapping[str, str]], within: float) -> None:
    """Wait until nodes know where the cluster's DNS is now.

    Args:
        layout: the cluster.
        rules: reads the nodes' NAT rules, as iptables-save(8) prints them, by node.
        within: seconds.
    """
    api = _reader(layout)

    def look() -> str:
        return ", ".join(behind(api.get(_DNS_ENDPOINTS), rules()))

    amiss = _awaited(look, within)
    if amiss:
        raise daemons.late(
            layout,
            f"After {within:g} s these nodes don't know where the cluster's DNS is: {amiss}.",
            amiss,
        )


def behind(endpoints: dict[str, Any], rules: Mapping[str, str]) -> list[str]:
    """The nodes whose rules lead to other endpoints; all nodes if there is no endpoint yet."""
    wanted = [
        f"--to-destination {address['ip']}:{port['port']}\n"
        for subset in endpoints.get("subsets") or ()
        for address in subset.get("addresses") or ()
        for port in subset["ports"]
    ]
    return [
        node for node, text in rules.items() if not wanted or any(w not in text for w in wanted)
    ]


def ended(pod: dict[str, Any]) -> bool:
    """Whether a pod will never serve again; the API keeps it, and its ReplicaSet makes a new one.

    After a restart a kubelet may refuse a pod that it ran before (kubernetes/kubernetes#100467).
    """
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def serves(pod: dict[str, Any], since: float) -> bool:
    """Whether a pod's containers are ready and started after that time."""
    containers = pod.get("status", {}).get("containerStatuses", [])
    started = [item["state"].get("running", {}).get("startedAt") for item in containers]
    return bool(containers) and all(
        item["ready"] and begun is not None and _seconds(begun) >= int(since)
        for item, begun in zip(containers, started, strict=True)
    )


def _reader(layout: Layout) -> Api:
    """A client for repeated requests; a kubectl for each would take too much processor time."""
    # The client takes 0.7 s to import; stopping or removing a cluster doesn't need it.
    from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api  # noqa: PLC0415

    return Api(layout.kubeconfig)


def _awaited(look: Callable[[], str], within: float) -> str:
    """Look until nothing is amiss; what still is after ``within`` seconds."""
    deadline = time.monotonic() + within
    while True:
        try:
            amiss = look()
        except LabError as error:
            amiss = error.message
        if not amiss or time.monotonic() > deadline:
            return amiss
        time.sleep(_POLL)


def _kubectl(
    layout: Layout, *arguments: str, stdin: str = "", check: bool = True, timeout: float = 60
) -> Completed:
    kubectl = f"{layout.settings.binaries}/kubectl"
    options = [f"--kubeconfig={layout.kubeconfig}", f"--cache-dir={layout.kubectl_cache}"]
    argv = [kubectl, *options, *arguments]
    return run(argv, stdin=stdin, check=check, timeout=timeout, env=short_lived())


def _seconds(stamp: str) -> float:
    """An RFC 3339 time of the API as seconds since the epoch."""
    return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
