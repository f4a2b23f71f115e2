"""The lab's network: a bridge on its host, a veth pair to each node, routes to the nodes' pods.

Of all that pods send to the host, only queries for its name server come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import (
    Layout,
    NodeLayout,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.spaces import Space

BRIDGE = "lab0"
# A chain of its own, so that a diagnosis knows whose rules these are.
_NAMES = "LATIHAN-NAMES"


def host_lines(layout: Layout) -> list[str]:
    """ip(8) batch lines for the lab's host: the bridge of the lab's network, and no route out."""
    return [
        "link set lo up",
        f"link add {BRIDGE} type bridge",
        *_addresses(layout.host_addresses, layout.prefixes, BRIDGE),
        f"link set {BRIDGE} up",
    ]


def port_of(layout: Layout, node: NodeLayout) -> str:
    """The port of the bridge that a node is connected to."""
    return f"node{layout.nodes.index(node) + 1}"


def cable_lines(layout: Layout, node: NodeLayout, node_pid: int) -> list[str]:
    """ip(8) batch lines for the lab's host: a veth pair from the bridge to a node."""
    port = port_of(layout, node)
    return [
        f"link add {port} type veth peer name eth0 netns {node_pid}",
        f"link set {port} master {BRIDGE} up",
    ]


def node_lines(layout: Layout, node: NodeLayout) -> list[str]:
    """ip(8) batch lines for a node: its addresses, and routes to the pods of the other nodes."""
    return [
        "link set lo up",
        *_addresses(node.addresses, layout.prefixes, "eth0"),
        "link set eth0 up",
        *(f"route add default via {address}" for address in layout.host_addresses),
        *(
            f"route add {block} via {address}"
            for other in layout.nodes
            if other is not node
            for block, address in zip(other.pod_blocks, other.addresses, strict=True)
        ),
    ]


def _addresses(addresses: Sequence[str], prefixes: Sequence[int], device: str) -> Iterator[str]:
    for address, prefix in zip(addresses, prefixes, strict=True):
        # Nobody else can have it, and while the kernel asks (RFC 4862) nothing can be bound to it.
        unasked = " nodad" if ":" in address else ""
        yield f"addr add {address}/{prefix} dev {device}{unasked}"


def name_server_rules(layout: Layout, node: NodeLayout) -> list[str]:
    """iptables-restore(8) lines for a node: its pods' queries reach the lab's host and come back.

    The lab's host has no route to pods, so it answers only what comes from a node's address.
    """
    queries = f"-s {node.pod_block} -d {layout.host_address} --dport 53 -j {_NAMES}"
    return [
        "*nat",
        f":{_NAMES} - [0:0]",
        *(f"-A POSTROUTING -p {protocol} {queries}" for protocol in ("udp", "tcp")),
        f"-A {_NAMES} -j MASQUERADE",
        "COMMIT",
    ]


def set_up_host(layout: Layout, host: Space) -> None:
    """Set up the network of the lab's host."""
    _batch(host, host_lines(layout))


def connect(layout: Layout, host: Space, node: NodeLayout, space: Space) -> None:
    """Connect a node to the lab's host."""
    # The kernel takes a node's old cable away some time after the node's end.
    run([*host.enter_network, "ip", "link", "delete", port_of(layout, node)], check=False)
    _batch(host, cable_lines(layout, node, space.pid))
    _batch(space, node_lines(layout, node))
    rules = "\n".join(name_server_rules(layout, node)) + "\n"
    run([*space.enter_network, "iptables-restore", "--wait", "--noflush"], stdin=rules)


def _batch(space: Space, lines: Sequence[str]) -> None:
    run([*space.enter_network, "ip", "-batch", "-"], stdin="\n".join(lines) + "\n")
