"""A small sound lab as it is read: a host, two nodes, four pods, three services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Node,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import asking, parse
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    HOST,
    Link,
    Listener,
    Neighbour,
    Netfilter,
    Network,
    Route,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import cluster
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import Walk

RULES = (Path(__file__).parents[1] / "why" / "data" / "rules_after.txt").read_text(encoding="utf-8")
FIRST, SECOND = "node/latihan", "node/latihan-m02"
P1, P2, P3, DNS = "pod/default/p1", "pod/default/p2", "pod/default/p3", "pod/kube-system/dns"
_ADDRESSES = {DNS: "10.244.0.2", P2: "10.244.0.3", P1: "10.244.0.4", P3: "10.244.1.2"}
_NODE = {FIRST: "192.168.49.2", SECOND: "192.168.49.3"}
_BLOCK = {FIRST: "10.244.0", SECOND: "10.244.1"}
_HOST = "192.168.49.1"
_LO = Link("lo", 1, mtu=65536, addresses=("127.0.0.1/8",))
_RESOLVER = (
    "search default.svc.cluster.local svc.cluster.local cluster.local\n"
    "nameserver 10.96.0.10\noptions ndots:5\n"
)
Change = Callable[[Network], Network]


def _local(all_links: tuple[Link, ...]) -> tuple[Route, ...]:
    return tuple(
        Route(f"{link.address}/32" if link.name != "lo" else "127.0.0.0/8", "local", link=link.name,
              table="local", author="kernel")
        for link in all_links
        if link.addresses
    )  # fmt: skip


def _network(
    place: str, links: tuple[Link, ...], routes: tuple[Route, ...], **more: Any
) -> Network:
    return Network(place, {link.name: link for link in links}, (*routes, *_local(links)), **more)


def _node_of(pod: str) -> str:
    return SECOND if pod == P3 else FIRST


def _node(place: str, number: int) -> Network:
    other = SECOND if place == FIRST else FIRST
    pods = [pod for pod in _ADDRESSES if _node_of(pod) == place]
    gateway = f"{_BLOCK[place]}.1"
    cables = tuple(
        Link(f"veth{at}", 10 + at, 2, "veth", mac=f"0a:{number}:{at}", addresses=(f"{gateway}/32",))
        for at, _ in enumerate(pods)
    )
    uplink = Link("eth0", 2, 4 + number, "veth", mac=f"02:{number}",
                  addresses=(f"{_NODE[place]}/24",))  # fmt: skip
    routes = (
        Route("0.0.0.0/0", via=_HOST, link="eth0"),
        Route("192.168.49.0/24", link="eth0", author="kernel", source=_NODE[place]),
        Route(f"{_BLOCK[other]}.0/24", via=_NODE[other], link="eth0"),
        *(Route(f"{_ADDRESSES[pod]}/32", link=f"veth{at}", source=gateway)
          for at, pod in enumerate(pods)),
    )  # fmt: skip
    rules = parse.netfilter(RULES)
    if place == SECOND:
        rules = Netfilter(dict(rules.chains), rules.policies)
    return _network(
        place,
        (_LO, uplink, *cables),
        routes,
        neighbours={(_HOST, "eth0"): Neighbour(_HOST, "eth0", "02:99", "REACHABLE")},
        netfilter=(rules,),
        settings={"ipv4/ip_forward": "1"},
        listeners=(Listener("tcp", "0.0.0.0", 10256, ((40, "kube-proxy", "S"),)),),
        programs=((40, "kube-proxy", "S"), (41, "kubelet", "S")),
        resolver=f"nameserver {_HOST}\n",
        hosts="127.0.0.1 localhost\n",
    )


def _pod(place: str) -> Network:
    node = _node_of(place)
    pods = [pod for pod in _ADDRESSES if _node_of(pod) == node]
    gateway, address = f"{_BLOCK[node]}.1", _ADDRESSES[place]
    cable = Link("eth0", 2, 10 + pods.index(place), "veth", mac=f"0b:{address}",
                 addresses=(f"{address}/24",))  # fmt: skip
    routes = (
        Route("0.0.0.0/0", via=gateway, link="eth0"),
        Route(f"{_BLOCK[node]}.0/24", via=gateway, link="eth0"),
        Route(f"{gateway}/32", link="eth0"),
    )
    port, protocol = (53, "udp") if place == DNS else (80, "tcp")
    program = "python3" if place == DNS else "nginx"
    return _network(
        place,
        (_LO, cable),
        routes,
        listeners=(Listener(protocol, "0.0.0.0", port, ((90, program, "S"),)),),
        resolver=_RESOLVER if place != DNS else f"nameserver {_HOST}\n",
        hosts=f"127.0.0.1 localhost\n::1 ip6-localhost\n{address} {place.rpartition('/')[2]}\n",
    )


def _host() -> Network:
    bridge = Link("lab0", 2, kind="bridge", mac="02:99", addresses=(f"{_HOST}/24",))
    ports = tuple(
        Link(f"node{number}", 4 + number, 2, "veth", master="lab0", mac=f"04:{number}")
        for number in (1, 2)
    )
    routes = (Route("192.168.49.0/24", link="lab0", author="kernel", source=_HOST),)
    return _network(
        HOST,
        (_LO, bridge, *ports),
        routes,
        listeners=(Listener("udp", _HOST, 53, ((7, "dnsmasq", "S"),)),),
        resolver=f"nameserver {_HOST}\n",
        hosts="127.0.0.1 localhost\n",
    )


def _pod_item(place: str) -> dict[str, Any]:
    _, namespace, name = place.split("/")
    labels = {DNS: {"k8s-app": "kube-dns"}, P2: {"service": "s2"}}.get(place, {"service": "s1"})
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "nodeName": _node_of(place).removeprefix("node/"),
            "dnsPolicy": "Default" if place == DNS else "ClusterFirst",
        },
        "status": {
            "phase": "Running",
            "podIP": _ADDRESSES[place],
            "podIPs": [{"ip": _ADDRESSES[place]}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def _service_item(
    name: str, address: str, selector: dict[str, str], ports: list[dict[str, Any]], **spec: Any
) -> dict[str, Any]:
    namespace = "kube-system" if name == "kube-dns" else "default"
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": address, "selector": selector, "ports": ports, **spec},
    }


def _slice(service: str, port: dict[str, Any], pods: list[str]) -> dict[str, Any]:
    namespace = "kube-system" if service == "kube-dns" else "default"
    return {
        "metadata": {
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [port],
        "endpoints": [
            {
                "addresses": [_ADDRESSES[pod]],
                "conditions": {"ready": True},
                "nodeName": _node_of(pod).removeprefix("node/"),
                "targetRef": {"kind": "Pod", "name": pod.rpartition("/")[2]},
            }
            for pod in pods
        ],
    }


def items() -> dict[str, list[dict[str, Any]]]:
    """The API's objects."""
    web = {"port": 80, "targetPort": 80, "protocol": "TCP"}
    names = {"name": "dns", "port": 53, "protocol": "UDP"}
    return {
        "nodes": [
            {
                "metadata": {"name": place.removeprefix("node/")},
                "spec": {"podCIDR": f"{_BLOCK[place]}.0/24"},
                "status": {
                    "addresses": [{"type": "InternalIP", "address": _NODE[place]}],
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            }
            for place in (FIRST, SECOND)
        ],
        "pods": [_pod_item(place) for place in _ADDRESSES],
        "services": [
            _service_item("s1", "10.111.139.255", {"service": "s1"}, [web]),
            _service_item("np", "10.108.155.132", {"service": "s1"}, [{**web, "nodePort": 31222}],
                          type="NodePort"),
            _service_item("kube-dns", "10.96.0.10", {"k8s-app": "kube-dns"}, [names]),
        ],
        "endpointslices": [
            _slice("s1", {"name": "", "port": 80}, [P1, P3]),
            _slice("np", {"name": "", "port": 80}, [P1, P3]),
            _slice("kube-dns", {"name": "dns", "port": 53}, [DNS]),
        ],
    }  # fmt: skip


def world(
    changes: dict[str, Change] | None = None, objects: dict[str, list[dict[str, Any]]] | None = None
) -> World:
    """The lab, with changes in some of its places, or with other objects of the API."""
    contract = Contract(
        profile="latihan", provider="", kubeconfig="", kubectl="", host_address=_HOST,
        host=Stopped(),
        nodes=tuple(Node(place.removeprefix("node/"), _NODE[place], Stopped()) for place in _NODE),
        network="192.168.49.0/24", pod_network="10.244.0.0/16", service_network="10.96.0.0/12",
    )  # fmt: skip
    networks = {
        HOST: _host(),
        **{place: _node(place, number) for number, place in enumerate(_NODE, 1)},
        **{place: _pod(place) for place in _ADDRESSES},
    }
    for place, change in (changes or {}).items():
        networks[place] = change(networks[place])
    return World(cluster(contract, "default", objects or items()), networks, {})


def walk(seen: World, start: str, target: str) -> Walk:
    """The walk of a command line."""
    return asking.follow(seen, asking.question(seen.cluster, start, target))


def with_rules(*added: tuple[str, str]) -> Change:
    """Put rules into a place before all others of their chains: (TABLE, RULE) each."""

    def change(network: Network) -> Network:
        old = network.netfilter[0] if network.netfilter else parse.netfilter("")
        chains = dict(old.chains)
        for table, rule in added:
            new = parse.netfilter(f"*{table}\n[0:0] -A {rule}\n").chains
            chains |= {key: (*rules, *chains.get(key, ())) for key, rules in new.items()}
        return replace(network, netfilter=(Netfilter(chains, old.policies),))

    return change


def without_rules(chain: str) -> Change:
    """Empty a chain of the table nat."""

    def change(network: Network) -> Network:
        old = network.netfilter[0]
        return replace(
            network, netfilter=(Netfilter({**old.chains, ("nat", chain): ()}, old.policies),)
        )

    return change
