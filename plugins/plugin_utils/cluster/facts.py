"""Reads the facts: what the cluster is right now.

Sources: the Kubernetes API (nodes, pods, services, endpoints), ``ip -json`` inside the nodes and
the provider's contract. ``gather`` asks; all functions that turn answers into facts are pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import ValidationError

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Reach,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    AddressOwner,
    ContainerInfo,
    EndpointsInfo,
    Facts,
    HostInfo,
    InterfaceInfo,
    LabInfo,
    NodeInfo,
    PodInfo,
    PortInfo,
    RouteInfo,
    ServiceInfo,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import fault

_READ_NETWORK = "ip -json address show; ip -json route show"
_ROLE_LABEL = "node-role.kubernetes.io/"
_STATIC = "kubernetes.io/config.mirror"
_NONE: Mapping[str, str] = {}


def paths(namespace: str, contract: Contract | None = None) -> dict[str, str]:
    """The paths of the API's lists that the facts come from.

    Args:
        namespace: the namespace whose pods, services and endpoints are meant.
        contract: what the lab may see of the cluster, and how that says who serves; None for all.
    """
    own = f"/api/v1/namespaces/{namespace}"
    slices = contract.slices if contract else ""
    served = f"/apis/{slices}/namespaces/{namespace}/endpointslices" if slices else ""
    return {
        "nodes": "/api/v1/nodes",
        # The owner of an address may be in any namespace.
        "pods": f"{own}/pods" if contract and not contract.sees_all else "/api/v1/pods",
        "services": f"{own}/services",
        "endpoints": served or f"{own}/endpoints",
    }


def gather(api: Api, contract: Contract, namespace: str, *, networks: bool = True) -> Facts:
    """Read the facts, every source at the same time.

    Args:
        api: the cluster's API.
        contract: the lab as its provider left it.
        namespace: the namespace whose pods, services and endpoints are meant.
        networks: whether to read interfaces and routes inside the nodes too.

    Raises:
        LabError: the API doesn't answer.
    """
    entries = contract.entries if networks else {}
    with ThreadPoolExecutor(max_workers=8) as pool:
        lists = {
            kind: pool.submit(api.get, path) for kind, path in paths(namespace, contract).items()
        }
        inside = {name: pool.submit(_network, enter) for name, enter in entries.items()}
        items = {kind: future.result().get("items") or [] for kind, future in lists.items()}
        return assemble(
            items, namespace, contract, {name: future.result() for name, future in inside.items()}
        )


def _network(enter: Sequence[str]) -> str:
    """What ``ip`` prints inside a node; empty if it can't be run."""
    try:
        done = run([*enter, "sh", "-c", _READ_NETWORK], check=False, timeout=5)
    except LabError:
        return ""
    return done.stdout


def assemble(
    items: Mapping[str, Iterable[ApiObject]],
    namespace: str,
    contract: Contract,
    networks: Mapping[str, str] | None = None,
) -> Facts:
    """Make the facts from what was read.

    Args:
        items: objects of the API by kind: nodes, pods, services, endpoints.
        namespace: the namespace whose pods, services and endpoints are meant.
        contract: the lab as its provider left it.
        networks: what ``ip`` printed in each node, by the node's name.

    Raises:
        LabError: the objects are not what Kubernetes has.
    """
    try:
        return _assembled(items, namespace, contract, networks or {})
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        why = fault(error) if isinstance(error, ValidationError) else repr(error)
        raise LabError(
            f"The cluster's API sent an object that Kubernetes doesn't have: {why}.",
            "See whether something else answers there.",
        ) from error


def _assembled(
    items: Mapping[str, Iterable[ApiObject]],
    namespace: str,
    contract: Contract,
    networks: Mapping[str, str],
) -> Facts:
    every_pod = [pod(item) for item in items["pods"]]
    services = [service(item, contract) for item in items["services"]]
    closed = {each.name: _why_missing(each.reach) for each in contract.nodes}
    known = Facts(
        nodes={
            each.name: each
            for item in items["nodes"]
            for each in [node(item, networks.get(item["metadata"]["name"], ""), closed)]
        },
        pods={each.name: each for each in every_pod if each.namespace == namespace},
        services={each.name: each for each in services},
        endpoints={
            each.name: each
            for each in (
                sliced(services, items["endpoints"])
                if contract.slices
                else map(endpoints, items["endpoints"])
            )
        },
        host=HostInfo(address=contract.host_address or None, missing=_why_missing(contract.host)),
        lab=LabInfo(
            profile=contract.profile,
            provider=contract.provider,
            network=contract.network,
            pod_network=contract.pod_network,
            service_network=contract.service_network,
            namespace=namespace,
            nodes=[member.name for member in contract.nodes],
            names=list(contract.names),
            workers=list(contract.workers) or [member.name for member in contract.nodes],
            cannot=dict(contract.cannot),
        ),
    )
    return known.model_copy(update={"addresses": owners(known, every_pod)})


def _why_missing(reach: Reach) -> str:
    return reach.reason if isinstance(reach, Missing) else ""


def node(item: ApiObject, network: str = "", missing: Mapping[str, str] = _NONE) -> NodeInfo:
    """A node's facts.

    Args:
        item: the node as the API has it.
        network: what ``ip -json address`` and ``ip -json route`` printed inside it; may be empty.
        missing: why nodes can't be entered, by their names.
    """
    metadata, spec, status = item["metadata"], item.get("spec", {}), item.get("status", {})
    labels = metadata.get("labels") or {}
    info = status.get("nodeInfo") or {}
    # A node of two address families has two of a type, and the first is its own.
    addresses = {
        entry["type"]: entry["address"] for entry in reversed(status.get("addresses") or [])
    }
    ready = _condition(status, "Ready")
    interfaces, routes = network_of(network)
    return NodeInfo(
        name=metadata["name"],
        ready=ready.get("status") == "True",
        reason=ready.get("reason", ""),
        addresses=sorted({entry["address"] for entry in status.get("addresses") or []}),
        internal_ip=addresses.get("InternalIP"),
        pod_cidr=spec.get("podCIDR"),
        labels=labels,
        roles=sorted(
            label.removeprefix(_ROLE_LABEL) for label in labels if label.startswith(_ROLE_LABEL)
        ),
        unschedulable=bool(spec.get("unschedulable")),
        version=info.get("kubeletVersion"),
        os_image=info.get("osImage"),
        kernel=info.get("kernelVersion"),
        runtime=info.get("containerRuntimeVersion"),
        interfaces=interfaces,
        routes=routes,
        missing=missing.get(metadata["name"], ""),
    )


def network_of(
    printed: str,
) -> tuple[dict[str, InterfaceInfo], list[RouteInfo]] | tuple[None, None]:
    """Interfaces and routes from what ``ip -json address; ip -json route`` printed.

    None for both if something else was printed: an expectation about them then isn't met.
    """
    try:
        match _documents(printed):
            case [[*links], [*routes]]:
                return _interfaces(links), [
                    RouteInfo(
                        to=route.get("dst"), via=route.get("gateway"), interface=route.get("dev")
                    )
                    for route in routes
                ]
    except (AttributeError, TypeError, ValueError):  # pydantic's errors are ValueErrors.
        pass
    return None, None


def _interfaces(links: Iterable[ApiObject]) -> dict[str, InterfaceInfo]:
    return {
        link["ifname"]: InterfaceInfo(
            name=link["ifname"],
            mtu=link.get("mtu"),
            state=link.get("operstate", ""),
            addresses=[
                address["local"]
                for address in link.get("addr_info", [])
                if address.get("family") == "inet" and "local" in address
            ],
        )
        for link in links
        if link.get("ifname")
    }


def _documents(text: str) -> list[Any]:
    """The JSON documents in a text, one after another, up to the first invalid one."""
    found, decoder = [], json.JSONDecoder()
    rest = text.lstrip()
    while rest:
        try:
            value, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            break
        found.append(value)
        rest = rest[end:].lstrip()
    return found


def pod(item: ApiObject) -> PodInfo:
    """A pod's facts; ``reason`` and ``message`` say why it isn't running or ready."""
    metadata, spec, status = item["metadata"], item.get("spec", {}), item.get("status", {})
    cause = _cause(status)
    return PodInfo(
        name=metadata["name"],
        namespace=metadata.get("namespace", "default"),
        uid=metadata.get("uid"),
        # On its node a static pod has another UID than in the API.
        runtime_uid=(metadata.get("annotations") or {}).get(_STATIC, metadata.get("uid")),
        labels=metadata.get("labels") or {},
        created=metadata.get("creationTimestamp"),
        deleting="deletionTimestamp" in metadata,
        node=spec.get("nodeName"),
        node_selector=spec.get("nodeSelector") or {},
        host_network=bool(spec.get("hostNetwork")),
        restart_policy=spec.get("restartPolicy"),
        declared=[entry["name"] for entry in spec.get("containers") or []],
        ip=status.get("podIP"),
        ips=[entry["ip"] for entry in status.get("podIPs") or []],
        node_ip=status.get("hostIP"),
        phase=status.get("phase"),
        ready=_condition(status, "Ready").get("status") == "True",
        reason=cause.get("reason", ""),
        message=cause.get("message", ""),
        containers={
            entry["name"]: container(entry) for entry in status.get("containerStatuses") or []
        },
    )


def _cause(status: ApiObject) -> ApiObject:
    """The part of a pod's status that has its reason: its own, or else the scheduler's."""
    if status.get("reason"):
        return status
    scheduled = _condition(status, "PodScheduled")
    return scheduled if scheduled.get("status") == "False" else {}


def container(status: ApiObject) -> ContainerInfo:
    """A container's facts."""
    state: ApiObject = status.get("state") or {}
    name = next(iter(state), "waiting")
    details = state.get(name) or {}
    return ContainerInfo(
        name=status["name"],
        image=status.get("image"),
        ready=bool(status.get("ready")),
        restarts=status.get("restartCount", 0),
        state=name,
        reason=details.get("reason", ""),
        message=details.get("message", ""),
        exit_code=details.get("exitCode"),
    )


def service(item: ApiObject, contract: Contract) -> ServiceInfo:
    """A service's facts; the contract says where its port on the nodes answers."""
    spec, status = item.get("spec", {}), item.get("status", {})
    ports = [
        PortInfo(
            name=port.get("name", ""),
            port=port.get("port"),
            target_port=port.get("targetPort"),
            node_port=port.get("nodePort"),
            protocol=port.get("protocol", "TCP"),
        )
        for port in spec.get("ports") or []
    ]
    first = ports[0] if ports else PortInfo()
    ingress = (status.get("loadBalancer") or {}).get("ingress") or []
    outside = [entry.get("ip") or entry.get("hostname") for entry in ingress]
    return ServiceInfo(
        name=item["metadata"]["name"],
        uid=item["metadata"].get("uid"),
        type=spec.get("type", "ClusterIP"),
        cluster_ip=spec.get("clusterIP"),
        selector=spec.get("selector") or {},
        ports=ports,
        port=first.port,
        node_port=first.node_port,
        external_ips=[each for each in outside if each],
        external_traffic_policy=spec.get("externalTrafficPolicy"),
        session_affinity=spec.get("sessionAffinity"),
        url=contract.outside(first.node_port) if first.node_port and contract.nodes else None,
    )


def endpoints(item: ApiObject) -> EndpointsInfo:
    """A service's endpoints: addresses that are ready and that aren't, and the pods behind them."""
    subsets = item.get("subsets") or []
    ready = [entry for subset in subsets for entry in subset.get("addresses") or []]
    waiting = [entry for subset in subsets for entry in subset.get("notReadyAddresses") or []]
    return EndpointsInfo(
        name=item["metadata"]["name"],
        ready=[entry["ip"] for entry in ready],
        not_ready=[entry["ip"] for entry in waiting],
        ready_pods=[name for entry in ready if (name := _target(entry))],
        not_ready_pods=[name for entry in waiting if (name := _target(entry))],
        ports=sorted({port["port"] for subset in subsets for port in subset.get("ports") or []}),
    )


def sliced(services: Sequence[ServiceInfo], items: Iterable[ApiObject]) -> list[EndpointsInfo]:
    """Endpoints from EndpointSlices, each in the family of its service's own address.

    A condition that is missing counts as ready (k8s.io/api: discovery, EndpointConditions).

    Args:
        services: the services, as far as they were read.
        items: the slices, as the API has them.
    """
    by_service: dict[str, list[ApiObject]] = {each.name: [] for each in services}
    for item in items:
        by_service.setdefault(_service_of(item), []).append(item)
    addresses = {each.name: each.cluster_ip or "" for each in services}
    return [_merged(name, addresses.get(name, ""), own) for name, own in by_service.items()]


def of_family(address: str, slices: Sequence[ApiObject]) -> list[ApiObject]:
    """A service's slices of one family: that of its address; without one IPv4, if it has any."""
    families = {str(item.get("addressType")) for item in slices}
    wanted = "IPv6" if ":" in address or (not address and "IPv4" not in families) else "IPv4"
    return [item for item in slices if item.get("addressType") == wanted]


def _merged(name: str, address: str, slices: Sequence[ApiObject]) -> EndpointsInfo:
    own = of_family(address, slices)
    entries = [entry for item in own for entry in item.get("endpoints") or []]
    ready = [each for each in entries if (each.get("conditions") or {}).get("ready") is not False]
    waiting = [entry for entry in entries if entry not in ready]
    return EndpointsInfo(
        name=name,
        ready=[entry["addresses"][0] for entry in ready],
        not_ready=[entry["addresses"][0] for entry in waiting],
        ready_pods=[target for entry in ready if (target := _target(entry))],
        not_ready_pods=[target for entry in waiting if (target := _target(entry))],
        ports=sorted({port["port"] for item in own for port in item.get("ports") or []}),
    )


def _service_of(item: ApiObject) -> str:
    """The service that a slice is of."""
    labels = item["metadata"].get("labels") or {}
    return str(labels.get("kubernetes.io/service-name", ""))


def _target(entry: ApiObject) -> str:
    return str((entry.get("targetRef") or {}).get("name", ""))


def _condition(status: ApiObject, kind: str) -> ApiObject:
    for entry in status.get("conditions") or []:
        if entry.get("type") == kind:
            return dict(entry)
    return {}


def owners(known: Facts, pods: Iterable[PodInfo]) -> dict[str, AddressOwner]:
    """Who has each address.

    A pod on its node's network has the node's address, so the node is named. A pod of another
    namespace is named with it, as in ``pod/kube-system/dns``.
    """
    found: dict[str, AddressOwner] = {}
    for service in known.services.values():
        if service.cluster_ip not in (None, "None", ""):
            found[service.cluster_ip] = AddressOwner(owner=f"service/{service.name}")
    for pod in pods:
        if pod.ip and not pod.host_network and pod.phase in ("Running", "Pending"):
            own = pod.namespace == known.lab.namespace
            name = pod.name if own else f"{pod.namespace}/{pod.name}"
            found[pod.ip] = AddressOwner(owner=f"pod/{name}", interface="eth0")
    for node in known.nodes.values():
        found |= _of_node(node)
    if known.host.address:
        found[known.host.address] = AddressOwner(owner="host")
    return found


def _of_node(node: NodeInfo) -> dict[str, AddressOwner]:
    """The addresses of one node, but not of its loopback, which every node has."""
    owner = f"node/{node.name}"
    found = {node.internal_ip: AddressOwner(owner=owner)} if node.internal_ip else {}
    for interface in (node.interfaces or {}).values():
        for address in interface.addresses:
            if not address.startswith("127."):
                found[address] = AddressOwner(owner=owner, interface=interface.name)
    return found
