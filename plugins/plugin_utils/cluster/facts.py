"""One document of what the cluster is right now, which every expectation is written over.

Sources: the Kubernetes API (nodes, pods, services, endpoints), ``ip -json`` inside the nodes and
the provider's contract. The functions that turn one into the other are pure; ``gather`` asks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract, Missing
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run

Document = dict[str, Any]

ROOTS = ("nodes", "pods", "services", "endpoints", "host", "addresses", "lab")
_SINGLE = ("host", "lab")

_READ_NETWORK = "ip -json address show; ip -json route show"
_ROLE_LABEL = "node-role.kubernetes.io/"
_STATIC = "kubernetes.io/config.mirror"


def paths(namespace: str) -> dict[str, str]:
    """The API's lists that the facts come from.

    Pods are listed for the whole cluster: the owner of an address may live in any namespace.
    """
    return {
        "nodes": "/api/v1/nodes",
        "pods": "/api/v1/pods",
        "services": f"/api/v1/namespaces/{namespace}/services",
        "endpoints": f"/api/v1/namespaces/{namespace}/endpoints",
    }


def gather(api: Api, contract: Contract, namespace: str, *, networks: bool = True) -> Document:
    """Read the facts, every source at the same time.

    Args:
        api: the cluster's API.
        contract: the lab as its provider left it.
        namespace: the namespace whose pods, services and endpoints are meant.
        networks: whether to read interfaces and routes inside the nodes too.

    Returns:
        The document; see ``document``.

    Raises:
        LabError: the API doesn't answer.
    """
    entries = contract.entries if networks else {}
    with ThreadPoolExecutor(max_workers=8) as pool:
        lists = {kind: pool.submit(api.get, path) for kind, path in paths(namespace).items()}
        inside = {name: pool.submit(_network, enter) for name, enter in entries.items()}
        items = {kind: future.result().get("items") or [] for kind, future in lists.items()}
        return document(
            items, namespace, contract, {name: future.result() for name, future in inside.items()}
        )


def _network(enter: Sequence[str]) -> str:
    """What ``ip`` says inside a node; empty where it can't be asked."""
    try:
        done = run([*enter, "sh", "-c", _READ_NETWORK], check=False, timeout=5)
    except LabError:
        return ""
    return done.stdout


def document(
    items: Mapping[str, Iterable[Document]],
    namespace: str,
    contract: Contract,
    networks: Mapping[str, str] | None = None,
) -> Document:
    """The facts out of what was read.

    Args:
        items: objects of the API by kind: nodes, pods, services, endpoints.
        namespace: the namespace that is meant.
        contract: the lab as its provider left it.
        networks: by node, what ``ip`` printed in it.

    Returns:
        ``nodes``, ``pods``, ``services`` and ``endpoints`` by name; ``host`` and ``lab`` from the
        contract; ``addresses``: who has each address. Addresses are text, MTUs are bytes.
    """
    networks = networks or {}
    every_pod = [pod(item) for item in items["pods"]]
    facts: Document = {
        "nodes": {
            item["metadata"]["name"]: node(item, networks.get(item["metadata"]["name"], ""))
            for item in items["nodes"]
        },
        "pods": {fact["name"]: fact for fact in every_pod if fact["namespace"] == namespace},
        "services": {
            item["metadata"]["name"]: service(item) | {"url": service_url(item, contract)}
            for item in items["services"]
        },
        "endpoints": {item["metadata"]["name"]: endpoints(item) for item in items["endpoints"]},
        "host": {"address": contract.host_address},
        "lab": {
            "profile": contract.profile,
            "provider": contract.provider,
            "network": contract.network,
            "pod_network": contract.pod_network,
            "service_network": contract.service_network,
            "namespace": namespace,
            "nodes": [member.name for member in contract.nodes],
        },
    }
    facts["addresses"] = owners(facts, every_pod)
    return facts


def members(path: tuple[str, ...]) -> frozenset[str]:
    """What a fact may be asked for, where that is known before there are any facts.

    Args:
        path: the way to it from the document's root, as in ``("pods", "p1")``.

    Returns:
        The names of its members; empty where they depend on the cluster.
    """
    bare: Document = {"metadata": {"name": ""}}
    nobody = Contract("", "", "", "", "", Missing(""), ())
    kinds = ("nodes", "pods", "services", "endpoints")
    known = document({kind: [bare] for kind in kinds}, "default", nobody, {"": "[] []"})
    match path:
        case ():
            return frozenset(ROOTS)
        case (root,) if root in _SINGLE:
            return frozenset(known[root])
        case (root, _name) if root in kinds:
            return frozenset(known[root][""])
        case _:
            return frozenset()


def node(item: Document, network: str = "") -> Document:
    """A node's facts.

    Args:
        item: the node as the API tells it.
        network: what ``ip -json address`` and ``ip -json route`` printed inside it; may be empty.
    """
    metadata, spec, status = item["metadata"], item.get("spec", {}), item.get("status", {})
    labels = metadata.get("labels") or {}
    info = status.get("nodeInfo") or {}
    addresses = {entry["type"]: entry["address"] for entry in status.get("addresses") or []}
    ready = _condition(status, "Ready")
    return {
        "name": metadata["name"],
        "ready": ready.get("status") == "True",
        "reason": ready.get("reason", ""),
        "addresses": sorted({entry["address"] for entry in status.get("addresses") or []}),
        "internal_ip": addresses.get("InternalIP"),
        "pod_cidr": spec.get("podCIDR"),
        "labels": labels,
        "roles": sorted(
            label.removeprefix(_ROLE_LABEL) for label in labels if label.startswith(_ROLE_LABEL)
        ),
        "unschedulable": bool(spec.get("unschedulable")),
        "version": info.get("kubeletVersion"),
        "os_image": info.get("osImage"),
        "kernel": info.get("kernelVersion"),
        "runtime": info.get("containerRuntimeVersion"),
        **network_of(network),
    }


def network_of(printed: str) -> Document:
    """Interfaces and routes out of what ``ip -json address; ip -json route`` printed.

    Empty where nothing was printed: an expectation over them then isn't met.
    """
    try:
        links, routes = _documents(printed)
    except ValueError:
        return {}
    return {
        "interfaces": {
            link["ifname"]: {
                "name": link["ifname"],
                "mtu": link.get("mtu"),
                "state": link.get("operstate", ""),
                "addresses": [
                    address["local"]
                    for address in link.get("addr_info", [])
                    if address.get("family") == "inet" and "local" in address
                ],
            }
            for link in links
            if link.get("ifname")
        },
        "routes": [
            {"to": route.get("dst"), "via": route.get("gateway"), "interface": route.get("dev")}
            for route in routes
        ],
    }


def _documents(text: str) -> list[Any]:
    """The JSON documents that stand one after another in a text; what follows a bad one is left."""
    found, decoder = [], json.JSONDecoder()
    rest = text.lstrip()
    while rest:
        try:
            value, end = decoder.raw_decode(rest)
        except ValueError:
            break
        found.append(value)
        rest = rest[end:].lstrip()
    return found


def pod(item: Document) -> Document:
    """A pod's facts; ``reason`` and ``message`` say why it isn't running or ready."""
    metadata, spec, status = item["metadata"], item.get("spec", {}), item.get("status", {})
    containers = {
        entry["name"]: container(entry) for entry in status.get("containerStatuses") or []
    }
    ready = _condition(status, "Ready").get("status") == "True"
    cause = _cause(status)
    return {
        "name": metadata["name"],
        "namespace": metadata.get("namespace", "default"),
        "uid": metadata.get("uid"),
        # A static pod's UID on its node is another one than in the API.
        "runtime_uid": (metadata.get("annotations") or {}).get(_STATIC, metadata.get("uid")),
        "labels": metadata.get("labels") or {},
        "created": metadata.get("creationTimestamp"),
        "deleting": "deletionTimestamp" in metadata,
        "node": spec.get("nodeName"),
        "node_selector": spec.get("nodeSelector") or {},
        "host_network": bool(spec.get("hostNetwork")),
        "restart_policy": spec.get("restartPolicy"),
        "declared": [entry["name"] for entry in spec.get("containers") or []],
        "ip": status.get("podIP"),
        "ips": [entry["ip"] for entry in status.get("podIPs") or []],
        "node_ip": status.get("hostIP"),
        "phase": status.get("phase"),
        "ready": ready,
        "reason": cause.get("reason", ""),
        "message": cause.get("message", ""),
        "containers": containers,
    }


def _cause(status: Document) -> Document:
    """What a pod's status says of its trouble: its own reason, else that of the scheduler."""
    if status.get("reason"):
        return status
    scheduled = _condition(status, "PodScheduled")
    return scheduled if scheduled.get("status") == "False" else {}


def container(status: Document) -> Document:
    """A container's facts; ``state`` is waiting, running or terminated."""
    state: Document = status.get("state") or {}
    name = next(iter(state), "waiting")
    told = state.get(name) or {}
    return {
        "name": status["name"],
        "image": status.get("image"),
        "ready": bool(status.get("ready")),
        "restarts": status.get("restartCount", 0),
        "state": name,
        "reason": told.get("reason", ""),
        "message": told.get("message", ""),
        "exit_code": told.get("exitCode"),
    }


def service(item: Document) -> Document:
    """A service's facts; ``node_port`` and ``port`` are those of its first port."""
    spec, status = item.get("spec", {}), item.get("status", {})
    ports = [
        {
            "name": port.get("name", ""),
            "port": port.get("port"),
            "target_port": port.get("targetPort"),
            "node_port": port.get("nodePort"),
            "protocol": port.get("protocol", "TCP"),
        }
        for port in spec.get("ports") or []
    ]
    first = ports[0] if ports else {}
    ingress = (status.get("loadBalancer") or {}).get("ingress") or []
    return {
        "name": item["metadata"]["name"],
        "uid": item["metadata"].get("uid"),
        "type": spec.get("type", "ClusterIP"),
        "cluster_ip": spec.get("clusterIP"),
        "selector": spec.get("selector") or {},
        "ports": ports,
        "port": first.get("port"),
        "node_port": first.get("node_port"),
        "external_ips": [entry.get("ip") or entry.get("hostname") for entry in ingress],
        "external_traffic_policy": spec.get("externalTrafficPolicy"),
        "session_affinity": spec.get("sessionAffinity"),
    }


def service_url(item: Document, contract: Contract) -> str | None:
    """Where a service answers from outside, by its first port; None where it has no such place."""
    ports = item.get("spec", {}).get("ports") or [{}]
    port = ports[0].get("nodePort")
    return contract.outside(port) if port and contract.nodes else None


def endpoints(item: Document) -> Document:
    """A service's endpoints: addresses that are ready and that aren't, and the pods behind them."""
    subsets = item.get("subsets") or []
    ready = [entry for subset in subsets for entry in subset.get("addresses") or []]
    waiting = [entry for subset in subsets for entry in subset.get("notReadyAddresses") or []]
    return {
        "name": item["metadata"]["name"],
        "ready": [entry["ip"] for entry in ready],
        "not_ready": [entry["ip"] for entry in waiting],
        "ready_pods": [name for entry in ready if (name := _target(entry))],
        "not_ready_pods": [name for entry in waiting if (name := _target(entry))],
        "ports": sorted({port["port"] for subset in subsets for port in subset.get("ports") or []}),
    }


def _target(entry: Document) -> str:
    return str((entry.get("targetRef") or {}).get("name", ""))


def _condition(status: Document, kind: str) -> Document:
    for entry in status.get("conditions") or []:
        if entry.get("type") == kind:
            return dict(entry)
    return {}


def owners(facts: Document, pods: Iterable[Document]) -> Document:
    """Who has each address: {address: {owner: "pod/p1", interface: "eth0"}}.

    A pod on its node's network has the node's address, so the node is named. A pod of another
    namespace is named with it, as in ``pod/kube-system/dns``.
    """
    found: Document = {}
    for name, fact in facts["services"].items():
        if fact["cluster_ip"] not in (None, "None", ""):
            found[fact["cluster_ip"]] = {"owner": f"service/{name}"}
    for fact in pods:
        if fact["ip"] and not fact["host_network"] and fact["phase"] in ("Running", "Pending"):
            own = fact["namespace"] == facts["lab"]["namespace"]
            name = fact["name"] if own else f"{fact['namespace']}/{fact['name']}"
            found[fact["ip"]] = {"owner": f"pod/{name}", "interface": "eth0"}
    for name, fact in facts["nodes"].items():
        found |= _of_node(name, fact)
    if facts["host"]["address"]:
        found[facts["host"]["address"]] = {"owner": "host"}
    return found


def _of_node(name: str, fact: Document) -> Document:
    """The addresses of one node; those of its loopback are everybody's."""
    found = {fact["internal_ip"]: {"owner": f"node/{name}"}} if fact["internal_ip"] else {}
    for interface in fact.get("interfaces", {}).values():
        for address in interface["addresses"]:
            if not address.startswith("127."):
                found[address] = {"owner": f"node/{name}", "interface": interface["name"]}
    return found
