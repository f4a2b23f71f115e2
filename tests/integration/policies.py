"""Enforces NetworkPolicies on the nodes of a lab: a helper of these tests, in place of a CNI.

The lab's own network doesn't enforce policies, and no other can be installed where the tests run.
It reads the policies and pods of the API, and writes rules of iptables for pods on their nodes, as
a CNI would. It knows as much of policies as the tests use, and raises for anything else: entries
without peers, for all packets or for ports of TCP. What a node's own processes send passes, and so
do packets of IPv6.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import read
from tests.integration.labs import Lab

Item = dict[str, Any]

_CHAIN = "TEST-POLICIES"
_EVERY = 0.3
_POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
# Where a policy has the entries of a direction, and which end of a packet is the pod.
_DIRECTIONS = (("Ingress", "ingress", "-d"), ("Egress", "egress", "-s"))


@contextmanager
def enforced(lab: Lab, forgotten: str = "") -> Iterator[None]:
    """Enforce all policies of a lab's cluster.

    Args:
        lab: the lab, whose nodes can be entered.
        forgotten: a pod whose denying rules are missing, as a CNI with a fault would leave it.
    """
    api = live.lab(str(lab.contract_path), "default").api
    nodes = [node.name for node in read(lab.contract_path).nodes]
    over, failed = threading.Event(), list[Exception]()

    def follow() -> None:
        written: dict[str, str] = {}
        try:
            while not over.is_set():
                policies, pods = (api.get(path)["items"] for path in (_POLICIES, "/api/v1/pods"))
                for node in nodes:
                    wanted = rules(policies, pods, node, forgotten)
                    if written.get(node) != wanted:
                        _write(lab, node, wanted)
                        written[node] = wanted
                over.wait(_EVERY)
        except Exception as error:  # noqa: BLE001 - the test that waits for the rules says why
            failed.append(error)

    for node in nodes:
        _write(lab, node, rules([], [], node))
        _iptables(lab, node, "-I", "FORWARD", "-j", _CHAIN)
    following = threading.Thread(target=follow)
    following.start()
    try:
        yield
    finally:
        over.set()
        following.join()
        for node in nodes:
            _iptables(lab, node, "-D", "FORWARD", "-j", _CHAIN)
            _iptables(lab, node, "-F", _CHAIN)
            _iptables(lab, node, "-X", _CHAIN)
    if failed:
        raise failed[0]


def rules(policies: Sequence[Item], pods: Sequence[Item], node: str, forgotten: str = "") -> str:
    """The rules of one node for its pods, for iptables-restore(8)."""
    lines = ["-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"]
    for pod in pods:
        address, spec = pod["status"].get("podIP"), pod["spec"]
        if not address or spec.get("hostNetwork") or spec.get("nodeName") != node:
            continue
        own = [each for each in policies if _selects(each, pod)]
        for kind, field, end in _DIRECTIONS:
            apply = [each["spec"] for each in own if kind in each["spec"]["policyTypes"]]
            entries = [entry for each in apply for entry in each.get(field) or []]
            lines += [f"{end} {address}{each} -j RETURN" for each in _allowed(entries)]
            if apply and pod["metadata"]["name"] != forgotten:
                lines.append(f"{end} {address} -j DROP")
    return "\n".join(
        ["*filter", f":{_CHAIN} - [0:0]", *(f"-A {_CHAIN} {line}" for line in lines), "COMMIT\n"]
    )


def _allowed(entries: Sequence[Item]) -> Iterator[str]:
    for entry in entries:
        if entry.keys() - {"ports"}:
            raise NotImplementedError(f"an entry with {', '.join(entry)}")
        if not entry:
            yield ""
        for port in entry.get("ports") or []:
            if port.get("protocol") != "TCP":
                raise NotImplementedError(f"the port {port}")
            yield f" -p tcp --dport {port['port']}"


def _selects(policy: Item, pod: Item) -> bool:
    if policy["metadata"]["namespace"] != pod["metadata"]["namespace"]:
        return False
    labels: Mapping[str, str] = pod["metadata"].get("labels") or {}
    selector = policy["spec"]["podSelector"]
    expressions = selector.get("matchExpressions") or []
    if any(each["operator"] != "DoesNotExist" for each in expressions):
        raise NotImplementedError(f"the selector {selector}")
    return (selector.get("matchLabels") or {}).items() <= labels.items() and not any(
        each["key"] in labels for each in expressions
    )


def _write(lab: Lab, node: str, text: str) -> None:
    enter = read(lab.contract_path).enter(node)
    subprocess.run(
        [*enter, "iptables-restore", "--wait", "--noflush"], input=text, text=True, check=True
    )


def _iptables(lab: Lab, node: str, *words: str) -> None:
    assert lab.enter(node, "iptables", "--wait", *words).returncode == 0
