"""What isn't right with a service as the API has it: its pods, its endpoints, its manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import programs
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import (
    inside,
    kubectl,
    shown,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import (
    APPLIED,
    ApiState,
    Pod,
    Service,
    by_hand,
    changed,
    selected,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import Departure


def departures(world: World, service: Service, down: str = "") -> Iterator[Departure]:
    """What isn't right with a service and the pods behind it, as far as the API tells.

    Args:
        world: the lab.
        service: the service.
        down: a node that is down on purpose.
    """
    cluster, name, info = world.cluster, service.info.name, service.info
    where = "" if service.namespace == "default" else f"-n {service.namespace} "
    pods = selected(cluster, service)
    yield from of_manifest(service.item, "service", where)
    for pod in cluster.pods.values():
        if pod.info.namespace == service.namespace:
            yield from _relabelled(pod, service, where)
    if info.selector and not pods:
        wanted = ", ".join(f"{key}={value}" for key, value in info.selector.items())
        yield Departure(
            "selector-matches-no-pod",
            f"service/{service.name}",
            "service",
            f"the service {name} selects pods",
            f"The service {name} selects {wanted}, but no pod has such labels",
            kubectl(f"{where}get pods --show-labels"),
            f"Compare `{kubectl(f'{where}get pods --show-labels')}` with the selector of {name}.",
        )
    yield from _by_hand(service, where)
    for pod in pods:
        if pod.info.node != down and not pod.info.ready:
            # A program that a signal has stopped fails its readiness probe.
            yield from programs.stopped_in(world, pod.place)
            yield from _unready(cluster, pod, service, where)
    yield from _strangers(service, pods, where)
    yield from _endpoints(service, pods, where, down)
    if not down:  # What a node leaves behind that is down on purpose is no fault.
        yield from _balanced(world, service)


_PLAIN = {"sessionAffinity": "None", "externalTrafficPolicy": "Cluster"}


def _by_hand(service: Service, where: str) -> Iterator[Departure]:
    """Settings of a service without a manifest that somebody changed after it was made."""
    metadata, spec = service.item["metadata"], service.item.get("spec") or {}
    if APPLIED in (metadata.get("annotations") or {}):
        return
    yield from _other_selector(service, where)
    fields = by_hand(service.item)
    for field, plain in _PLAIN.items():
        there = spec.get(field, plain)
        if there != plain and field in fields:
            name = service.info.name
            change = json.dumps({"spec": {field: plain}})
            yield Departure(
                "changed-by-hand",
                f"service/{service.name}",
                "service",
                f"{field} is {plain}, as when it was made",
                f"The {field} of the service {name} was changed by hand to {there}",
                kubectl(f"{where}get service {name} -o yaml"),
                kubectl(f"{where}patch service {name} --patch '{change}'"),
            )


def _other_selector(service: Service, where: str) -> Iterator[Departure]:
    """A selector that isn't the one of ``kubectl expose``, which also makes it the labels."""
    metadata, name = service.item["metadata"], service.info.name
    managers = {entry.get("manager") for entry in metadata.get("managedFields") or []}
    labels = metadata.get("labels") or {}
    if "kubectl-expose" in managers and labels and labels != service.info.selector:
        said, there = (
            ", ".join(f"{key}={value}" for key, value in each.items())
            for each in (labels, service.info.selector)
        )
        yield Departure(
            "selector-changed",
            f"service/{service.name}",
            "service",
            f"the selector {said}, as `kubectl expose` wrote it",
            f"The selector of the service {name} was changed to {there}",
            kubectl(f"{where}get service {name} -o yaml"),
            f"Put it back: `{kubectl(f'{where}edit service {name}')}`.",
        )


def without_port(service: Service, port: int, protocol: str) -> Departure | None:
    """A service that is asked for a port that it doesn't have."""
    ports = [(each.port, each.protocol.lower()) for each in service.info.ports]
    if not port or (port, protocol) in ports or not service.has_address:
        return None
    name = service.info.name
    there = ", ".join(f"{number}/{kind}" for number, kind in ports)
    return Departure(
        "no-such-port",
        f"service/{service.name}",
        "service",
        f"the service {name} has the port {port}/{protocol}",
        f"The service {name} has no port {port}/{protocol}, only {there}",
        kubectl(f"-n {service.namespace} get service {name}"),
        kubectl(f"-n {service.namespace} edit service {name}"),
    )


def _unready(cluster: ApiState, pod: Pod, service: Service, where: str) -> Iterator[Departure]:
    info = pod.info
    if info.ready or info.deleting:
        return
    reasons = [
        f"its container {each.name} is {each.state}" + (f" ({each.reason})" if each.reason else "")
        for each in info.containers.values()
        if not each.ready
    ]
    node = cluster.nodes.get(info.node or "")
    if node is not None and not node.ready:
        reasons = [f"its node {node.name} is not Ready"]
    why = "; ".join(reasons) or info.message or info.reason or f"it is {info.phase}"
    yield Departure(
        "endpoint-not-ready",
        pod.place,
        "service",
        f"the pod {info.name} is ready and serves {service.info.name}",
        f"Pods behind the service {service.info.name} are not ready: {info.name}, since {why}",
        kubectl(f"{where}get pod {info.name}"),
        f"See why: `{kubectl(f'{where}describe pods {info.name}')}`.",
    )


def _relabelled(pod: Pod, service: Service, where: str) -> Iterator[Departure]:
    """A pod that isn't as in its manifest, as far as that matters to a service."""
    wanted = service.info.selector.items()
    for departure, (field, said, there) in zip(
        of_manifest(pod.item, "pod", where), changed(pod.item), strict=True
    ):
        labels = field == "metadata.labels"
        now = bool(wanted) and wanted <= pod.info.labels.items()
        if (labels and (wanted <= said.items()) != (wanted <= there.items())) or (
            now and not labels
        ):
            yield departure


def _strangers(service: Service, pods: list[Pod], where: str) -> Iterator[Departure]:
    """Pods beside those of a manifest, or of a controller, that a service selects as well."""
    made = [pod for pod in pods if _has_maker(pod)]
    for pod in pods:
        if made and pod not in made:
            others = ", ".join(each.info.name for each in made)
            yield Departure(
                "extra-pod",
                pod.place,
                "service",
                f"the pods of {service.info.name} are {others}",
                f"The service {service.info.name} also selects {pod.info.name}, which no manifest"
                " and no controller made",
                kubectl(f"{where}get pods --show-labels"),
                kubectl(f"{where}delete pod {pod.info.name}"),
            )


def _has_maker(pod: Pod) -> bool:
    metadata = pod.item["metadata"]
    return bool(metadata.get("ownerReferences") or APPLIED in (metadata.get("annotations") or {}))


def _endpoints(service: Service, pods: list[Pod], where: str, down: str) -> Iterator[Departure]:
    """Endpoints that the controller should have written otherwise."""
    if not service.info.selector or not service.has_address:
        return
    wanted = {
        str(pod.info.ip)
        for pod in pods
        if pod.info.ready and pod.info.ip and not pod.info.deleting and pod.info.node != down
    }
    there = {
        each.address
        for port in service.backends.values()
        for each in port
        if each.ready and (not down or each.node != down)
    }
    if wanted != there:
        yield Departure(
            "endpoints-differ",
            f"service/{service.name}",
            "service",
            f"its endpoints are its ready pods: {', '.join(sorted(wanted)) or 'none'}",
            f"The endpoints of {service.info.name} are {', '.join(sorted(there)) or 'none'}",
            kubectl(f"{where}get endpointslices,pods -o wide"),
            "If they stay so, see whether kube-controller-manager runs: "
            "`python3 runner.py status`.",
        )


def _balanced(world: World, service: Service) -> Iterator[Departure]:
    """Nodes whose IPVS doesn't lead to the endpoints."""
    for place, servers in world.balanced.items():
        node = place.removeprefix("node/")
        for port in service.info.ports if service.has_address else ():
            protocol, address = port.protocol.lower(), str(service.info.cluster_ip)
            number = int(port.port or 0)
            wanted = world.cluster.translation(node, address, address, number, protocol)
            goals = {str(each) for each in wanted.backends} if wanted else set()
            there = servers.get((protocol, address, number), frozenset())
            if there != goals:
                asked = f"{address}:{number} ({service.info.name})"
                yield Departure(
                    "rules-differ", place, "translation",
                    f"{asked} becomes {' or '.join(sorted(goals)) or 'nothing'}",
                    f"IPVS leads {asked} to {' or '.join(sorted(there)) or 'nobody'}",
                    inside(place, "cat /proc/net/ip_vs"),
                    f"Look at the log of kube-proxy on {shown(place)}.",
                )  # fmt: skip


def of_manifest(item: dict[str, Any], kind: str, where: str) -> Iterator[Departure]:
    """Where an object isn't as the manifest that it was made from."""
    name = item["metadata"]["name"]
    namespace = item["metadata"].get("namespace", "default")
    for field, said, there in changed(item):
        yield Departure(
            "manifest-differs",
            f"{kind}/{namespace}/{name}",
            "service",
            f"{field} is {json.dumps(said)}, as in its manifest",
            f"The {kind} {name} has been changed: its {field} is {json.dumps(there)}, not"
            f" {json.dumps(said)} as in its manifest",
            kubectl(f"{where}get {kind} {name} -o yaml"),
            f"Put it back: `{kubectl(f'{where}edit {kind} {name}')}`.",
            stays=kind == "pod" or field.startswith("spec."),
        )
