"""Facts out of what a real cluster answered."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract

Document = dict[str, Any]


def test_nodes(document: Document) -> None:
    node = document["nodes"]["uji"]
    assert node["ready"]
    assert node["internal_ip"] == "192.168.77.2"
    assert node["version"] == "v1.20.2"
    assert node["labels"]["name"] == "latihan"
    assert "control-plane" in node["roles"]
    assert node["interfaces"]["eth0"]["addresses"] == ["192.168.77.2"]
    assert node["interfaces"]["eth0"]["mtu"] == 1500
    assert {"to": "10.77.1.0/24", "via": "192.168.77.3", "interface": "eth0"} in node["routes"]


def test_a_node_that_was_not_entered_has_no_interfaces(document: Document) -> None:
    assert "interfaces" not in document["nodes"]["uji-m02"]


def test_a_running_pod(document: Document) -> None:
    pod = document["pods"]["p1"]
    assert pod["phase"] == "Running"
    assert pod["ready"]
    assert pod["node"] == "uji-m02"
    assert pod["ip"].startswith("10.77.1.")
    assert pod["ips"] == [pod["ip"]]
    assert pod["declared"] == ["p1-c1", "p1-c2"]
    assert pod["containers"]["p1-c1"]["state"] == "running"
    assert not pod["host_network"]


def test_a_pod_that_no_node_takes(document: Document) -> None:
    pod = document["pods"]["stuck"]
    assert (pod["phase"], pod["ready"], pod["node"], pod["ip"]) == ("Pending", False, None, None)
    assert pod["reason"] == "Unschedulable"
    assert "0/2 nodes are available" in pod["message"]


def test_a_pod_with_a_container_that_ended(document: Document) -> None:
    states = {name: each["state"] for name, each in document["pods"]["twins"]["containers"].items()}
    assert sorted(states.values()) == ["running", "terminated"]
    ended = next(
        each
        for each in document["pods"]["twins"]["containers"].values()
        if each["state"] == "terminated"
    )
    assert ended["exit_code"] == 1
    assert not document["pods"]["twins"]["ready"]


def test_a_service(document: Document) -> None:
    service = document["services"]["s1"]
    assert service["type"] == "LoadBalancer"
    assert service["selector"] == {"service": "s1"}
    assert service["external_ips"] == []
    assert service["port"] == 80
    assert service["url"] == f"http://192.168.77.2:{service['node_port']}"


def test_a_service_without_a_port_on_the_nodes_has_no_url(document: Document) -> None:
    assert document["services"]["kubernetes"]["url"] is None


def test_endpoints(document: Document) -> None:
    pods = document["pods"]
    assert sorted(document["endpoints"]["s1"]["ready"]) == sorted(
        [pods["p1"]["ip"], pods["p3"]["ip"]]
    )
    assert sorted(document["endpoints"]["s1"]["ready_pods"]) == ["p1", "p3"]
    assert document["endpoints"]["s1"]["not_ready"] == []


def test_endpoints_that_are_not_ready() -> None:
    told = facts.endpoints(
        {
            "metadata": {"name": "s"},
            "subsets": [{"notReadyAddresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}],
        }
    )
    assert (told["ready"], told["not_ready"], told["ready_pods"]) == ([], ["10.0.0.1"], [])


def test_who_has_which_address(document: Document) -> None:
    addresses = document["addresses"]
    assert addresses["192.168.77.1"] == {"owner": "host"}
    assert addresses["192.168.77.2"] == {"owner": "node/uji", "interface": "eth0"}
    assert addresses["192.168.77.3"] == {"owner": "node/uji-m02"}
    assert addresses["10.77.0.1"]["owner"] == "node/uji"
    assert addresses[document["pods"]["p1"]["ip"]]["owner"] == "pod/p1"
    assert addresses[document["services"]["s1"]["cluster_ip"]]["owner"] == "service/s1"
    assert "127.0.0.1" not in addresses


def test_pods_of_other_namespaces(contract: Contract, items: dict[str, list[Document]]) -> None:
    document = facts.document(items, "elsewhere", contract)
    assert document["pods"] == {}
    address = items["pods"][0]["status"]["podIP"]
    assert document["addresses"][address]["owner"] == "pod/default/p1"


def test_what_ip_printed_and_then_was_cut_off() -> None:
    assert facts.network_of('[{"ifname": "lo"}]\n[{"dst":') == {}
    assert facts.network_of("") == {}
