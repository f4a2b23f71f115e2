"""Facts out of what a real cluster answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import compiled
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    AddressOwner,
    Facts,
    RouteInfo,
    ServiceInfo,
    members,
)


def test_nodes(known: Facts) -> None:
    node = known.nodes["uji"]
    assert node.ready
    assert node.internal_ip == "192.168.77.2"
    assert node.version == "v1.20.2"
    assert node.labels["name"] == "latihan"
    assert "control-plane" in node.roles
    assert node.interfaces is not None
    assert node.interfaces["eth0"].addresses == ["192.168.77.2"]
    assert node.interfaces["eth0"].mtu == 1500
    assert RouteInfo(to="10.77.1.0/24", via="192.168.77.3", interface="eth0") in (node.routes or [])


def test_a_node_that_was_not_entered_has_no_interfaces(known: Facts) -> None:
    assert known.nodes["uji-m02"].interfaces is None
    assert known.nodes["uji-m02"].routes is None


def test_a_running_pod(known: Facts) -> None:
    pod = known.pods["p1"]
    assert pod.phase == "Running"
    assert pod.ready
    assert pod.node == "uji-m02"
    assert (pod.ip or "").startswith("10.77.1.")
    assert pod.ips == [pod.ip]
    assert pod.declared == ["p1-c1", "p1-c2"]
    assert pod.containers["p1-c1"].state == "running"
    assert not pod.host_network


def test_a_pod_that_no_node_takes(known: Facts) -> None:
    pod = known.pods["stuck"]
    assert (pod.phase, pod.ready, pod.node, pod.ip) == ("Pending", False, None, None)
    assert pod.reason == "Unschedulable"
    assert "0/2 nodes are available" in pod.message


def test_a_pod_with_a_container_that_ended(known: Facts) -> None:
    states = {name: each.state for name, each in known.pods["twins"].containers.items()}
    assert sorted(states.values()) == ["running", "terminated"]
    ended = next(
        each for each in known.pods["twins"].containers.values() if each.state == "terminated"
    )
    assert ended.exit_code == 1
    assert not known.pods["twins"].ready


def test_a_service(known: Facts) -> None:
    service = known.services["s1"]
    assert service.type == "LoadBalancer"
    assert service.selector == {"service": "s1"}
    assert service.external_ips == []
    assert service.port == 80
    assert service.url == f"http://192.168.77.2:{service.node_port}"


def test_a_service_without_a_port_on_the_nodes_has_no_url(known: Facts) -> None:
    assert known.services["kubernetes"].url is None


def test_endpoints(known: Facts) -> None:
    pods = known.pods
    assert set(known.endpoints["s1"].ready) == {pods["p1"].ip, pods["p3"].ip}
    assert sorted(known.endpoints["s1"].ready_pods) == ["p1", "p3"]
    assert known.endpoints["s1"].not_ready == []


def test_endpoints_that_are_not_ready() -> None:
    told = facts.endpoints(
        {
            "metadata": {"name": "s"},
            "subsets": [{"notReadyAddresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}],
        }
    )
    assert (told.ready, told.not_ready, told.ready_pods) == ([], ["10.0.0.1"], [])


def test_who_has_which_address(known: Facts) -> None:
    addresses = known.addresses
    assert addresses["192.168.77.1"] == AddressOwner(owner="host")
    assert addresses["192.168.77.2"] == AddressOwner(owner="node/uji", interface="eth0")
    assert addresses["192.168.77.3"] == AddressOwner(owner="node/uji-m02")
    assert addresses["10.77.0.1"].owner == "node/uji"
    assert addresses[known.pods["p1"].ip or ""].owner == "pod/p1"
    assert addresses[known.services["s1"].cluster_ip or ""].owner == "service/s1"
    assert "127.0.0.1" not in addresses


def test_pods_of_other_namespaces(contract: Contract, items: dict[str, list[ApiObject]]) -> None:
    known = facts.assemble(items, "elsewhere", contract)
    assert known.pods == {}
    address = items["pods"][0]["status"]["podIP"]
    assert known.addresses[address].owner == "pod/default/p1"


def test_what_ip_printed_and_then_was_cut_off() -> None:
    assert facts.network_of('[{"ifname": "lo"}]\n[{"dst":') == (None, None)
    assert facts.network_of("") == (None, None)


@pytest.mark.parametrize(
    ("path", "some"),
    [
        ((), {"nodes", "pods", "addresses", "lab"}),
        (("lab",), {"profile", "pod_network"}),
        (("pods", "p1"), {"ip", "containers"}),
        (("pods", "p1", "containers", "c"), {"state", "exit_code"}),
        (("nodes", "n1", "interfaces", "eth0"), {"mtu"}),
        (("addresses", "10.0.0.1"), {"owner"}),
    ],
)
def test_what_facts_may_be_asked_for(path: tuple[str, ...], some: set[str]) -> None:
    assert some <= members(path)


@pytest.mark.parametrize(
    "path", [("pods",), ("pods", "p1", "labels"), ("nodes", "n", "routes"), ("pods", "p1", "x")]
)
def test_what_only_the_run_can_tell(path: tuple[str, ...]) -> None:
    assert members(path) == frozenset()


@pytest.mark.parametrize("source", ['nodes."uji-m02".interfaces.eth0.mtu', "pods.stuck.ip"])
def test_what_is_null_is_as_good_as_missing(known: Facts, source: str) -> None:
    holds, why = compiled(f"{source} != `1500`").holds(known.plain())
    assert not holds
    assert why.endswith("is missing")


def piece(service: str, family: str, *entries: ApiObject) -> ApiObject:
    """An EndpointSlice."""
    return {
        "metadata": {"name": f"{service}-x", "labels": {"kubernetes.io/service-name": service}},
        "addressType": family,
        "endpoints": list(entries) or None,
        "ports": [{"port": 80}],
    }


def served(address: str, pod: str, **conditions: bool) -> ApiObject:
    return {
        "addresses": [address, "192.0.2.99"],
        "conditions": conditions,
        "targetRef": {"kind": "Pod", "name": pod},
    }


def test_endpoints_from_slices() -> None:
    services = [
        ServiceInfo(name="s1", cluster_ip="192.0.2.1"),
        ServiceInfo(name="s6", cluster_ip="2001:db8::1"),
        ServiceInfo(name="none"),
    ]
    slices = [
        piece("s1", "IPv4", served("192.0.2.10", "p1"), served("192.0.2.11", "p2", ready=False)),
        piece("s1", "IPv4", served("192.0.2.12", "p3", ready=True)),
        piece("s1", "IPv6", served("2001:db8::10", "p1")),
        piece("s6", "IPv6", served("2001:db8::10", "p1")),
        piece("s6", "IPv4"),
    ]
    first, second, third = facts.sliced(services, slices)
    assert (first.ready, first.ready_pods) == (["192.0.2.10", "192.0.2.12"], ["p1", "p3"])
    assert (first.not_ready, first.not_ready_pods, first.ports) == (["192.0.2.11"], ["p2"], [80])
    assert second.ready == ["2001:db8::10"]
    assert (third.ready, third.ports) == ([], [])
    # A wait may watch the slices alone.
    unread = {each.name: each.ready for each in facts.sliced([], slices)}
    assert unread == {"s1": ["192.0.2.10", "192.0.2.12"], "s6": []}


def test_the_lists_are_those_that_may_be_seen(contract: Contract) -> None:
    seen = replace(contract, sees_all=False, slices="discovery.k8s.io/v1")
    assert facts.paths("mine", seen) == {
        "nodes": "/api/v1/nodes",
        "pods": "/api/v1/namespaces/mine/pods",
        "services": "/api/v1/namespaces/mine/services",
        "endpoints": "/apis/discovery.k8s.io/v1/namespaces/mine/endpointslices",
    }
    assert facts.paths("mine", contract) == facts.paths("mine")
