"""What can be broken on a running lab, and what must then be seen."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.labs import Lab
from tests.places import ROOT

PODS = ROOT / "roles" / "services" / "files" / "latihan.yaml"
_SUPERVISOR = (sys.executable, "-m", "supervisor.supervisorctl", "-c", "/etc/supervisord.conf")

Breaking = Callable[[Lab], AbstractContextManager[None]]


@dataclass(frozen=True)
class Breakage:
    """One thing that is broken.

    Args:
        breaking: breaks it, and repairs it whatever happens in between.
        fails: the outcomes that must fail, each with a part of its reason.
        cause: the id of the first cause that the diagnosis must name; empty for none.
        holds: outcomes that must still hold.
        sees: reasons that must be among the evidence of the first outcome.
    """

    breaking: Breaking
    fails: Mapping[str, str]
    cause: str = ""
    holds: tuple[str, ...] = ()
    sees: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        """What it is called in the list of tests."""
        return self.breaking.__name__


def get(lab: Lab, kind: str, name: str) -> dict[str, Any]:
    """An object, from the API."""
    document: dict[str, Any] = json.loads(lab.kubectl("get", kind, name, "-o", "json"))
    return document


def node(lab: Lab, number: int) -> str:
    """The name of a node; number 0 is the control plane."""
    name: str = lab.contract["nodes"][number]["name"]
    return name


def supervise(lab: Lab, place: str, action: str, program: str) -> None:
    """Stop or start a program of a node, or of the lab's host."""
    done = lab.enter(place, *_SUPERVISOR, action, program)
    word = {"stop": "stopped", "start": "started"}[action]
    assert f"{program}: {word}" in done.stdout, done.stdout + done.stderr


@contextmanager
def _patched(lab: Lab, patch: dict[str, Any], repair: dict[str, Any]) -> Iterator[None]:
    lab.kubectl("patch", "service", "s1", "--type=merge", "--patch", json.dumps({"spec": patch}))
    try:
        yield
    finally:
        spec = json.dumps({"spec": repair})
        lab.kubectl("patch", "service", "s1", "--type=merge", "--patch", spec)


@contextmanager
def selector_of_no_pod(lab: Lab) -> Iterator[None]:
    """The service selects a label that no pod has."""
    with _patched(lab, {"selector": {"nobody": "here"}}, {"selector": {"nobody": None}}):
        yield


@contextmanager
def selector_of_another_pod(lab: Lab) -> Iterator[None]:
    """The service selects p2 instead of p1 and p3."""
    with _patched(lab, {"selector": {"service": "s2"}}, {"selector": {"service": "s1"}}):
        yield


@contextmanager
def target_port(lab: Lab) -> Iterator[None]:
    """The service leads to a port that nothing listens on."""
    ports = get(lab, "service", "s1")["spec"]["ports"]
    with _patched(lab, {"ports": [{**ports[0], "targetPort": 81}]}, {"ports": ports}):
        yield


@contextmanager
def endpoint(lab: Lab) -> Iterator[None]:
    """A pod leaves its service, since its web server is stopped by a signal."""
    lab.kubectl("exec", "p1", "-c", "p1-c1", "--", "nginx", "-s", "stop")
    try:
        lab.kubectl("wait", "--for=condition=Ready=false", "pod/p1", "--timeout=30s")
        yield
    finally:
        lab.kubectl("delete", "pod", "p1", "--force", "--grace-period=0")
        lab.kubectl("apply", "-f", str(PODS), "--selector=service=s1")
        lab.wait("pods.p1.ready")
        page = "echo Ini adalah p1 > /usr/share/nginx/html/index.html"
        lab.kubectl("exec", "p1", "-c", "p1-c1", "--", "bash", "-c", page)


@contextmanager
def kube_proxy(lab: Lab) -> Iterator[None]:
    """No node writes rules for services any more."""
    places = [each["name"] for each in lab.contract["nodes"]]
    try:
        for place in places:
            supervise(lab, place, "stop", "kube-proxy")
        yield
    finally:
        for place in places:
            supervise(lab, place, "start", "kube-proxy")


@contextmanager
def kube_proxy_and_its_rules(lab: Lab) -> Iterator[None]:
    """The rules for services are gone, and nothing writes them again."""
    with kube_proxy(lab):
        for each in lab.contract["nodes"]:
            lab.enter(each["name"], "iptables", "-t", "nat", "-F", "KUBE-SERVICES")
        yield


@contextmanager
def route(lab: Lab) -> Iterator[None]:
    """The second node has no route to the pods of the first."""
    block = get(lab, "node", node(lab, 0))["spec"]["podCIDR"]
    gateway = lab.contract["nodes"][0]["address"]
    lab.enter(node(lab, 1), "ip", "route", "del", block)
    try:
        yield
    finally:
        lab.enter(node(lab, 1), "ip", "route", "add", block, "via", gateway)


@contextmanager
def pod_that_nobody_reaches(lab: Lab) -> Iterator[None]:
    """The node of p1 drops all packets for p1."""
    pod = get(lab, "pod", "p1")
    place, address = pod["spec"]["nodeName"], pod["status"]["podIP"]
    own = lab.enter(place, "ip", "route", "show", address).stdout.split()
    assert own, f"{place} has no route to p1"
    lab.enter(place, "ip", "route", "del", *own)
    try:
        assert lab.enter(place, "ip", "route", "add", "blackhole", address).returncode == 0
        yield
    finally:
        lab.enter(place, "ip", "route", "del", "blackhole", address)
        assert lab.enter(place, "ip", "route", "add", *own).returncode == 0


@contextmanager
def host_with_a_route_to_a_pod(lab: Lab) -> Iterator[None]:
    """The host reaches p1, which it should not."""
    pod = get(lab, "pod", "p1")["status"]
    way = (pod["podIP"], "via", pod["hostIP"])
    assert lab.enter("host", "ip", "route", "add", *way).returncode == 0
    try:
        yield
    finally:
        lab.enter("host", "ip", "route", "del", *way)


@contextmanager
def dns(lab: Lab) -> Iterator[None]:
    """The cluster's DNS has no pod."""
    where = ("--namespace=kube-system", "deployment/kube-dns")
    lab.kubectl("scale", "--replicas=0", *where)
    try:
        # Not `kubectl wait`: v1.20 fails if the pod has gone before it looks.
        lab.wait("length(pods) == `0`", namespace="kube-system")
        yield
    finally:
        lab.kubectl("scale", "--replicas=1", *where)
        lab.kubectl("rollout", "status", "--timeout=60s", *where)


@contextmanager
def host_without_a_name_server(lab: Lab) -> Iterator[None]:
    """Nothing answers the host's own DNS queries."""
    supervise(lab, "host", "stop", "names")
    try:
        yield
    finally:
        supervise(lab, "host", "start", "names")


@contextmanager
def mtu_of_a_node(lab: Lab) -> Iterator[None]:
    """A node's uplink has a smaller MTU than its pods believe."""
    lab.enter(node(lab, 1), "ip", "link", "set", "eth0", "mtu", "1400")
    try:
        yield
    finally:
        lab.enter(node(lab, 1), "ip", "link", "set", "eth0", "mtu", "1500")
        _forget_paths(lab)


@contextmanager
def mtu_of_a_pod(lab: Lab) -> Iterator[None]:
    """The node's end of p2's cable has a smaller MTU than p2's own end."""
    pod = get(lab, "pod", "p2")
    place, address = pod["spec"]["nodeName"], pod["status"]["podIP"]
    shown = lab.enter(place, "ip", "-json", "route", "show", address).stdout
    cable = json.loads(shown)[0]["dev"]
    assert lab.enter(place, "ip", "link", "set", cable, "mtu", "1400").returncode == 0
    try:
        yield
    finally:
        lab.enter(place, "ip", "link", "set", cable, "mtu", "1500")
        _forget_paths(lab)


def _forget_paths(lab: Lab) -> None:
    """Pods remember a path's MTU for ten minutes (RFC 1191): make them forget it."""
    forget = "for p in $(pgrep .); do nsenter -t $p -n ip route flush cache; done"
    for each in lab.contract["nodes"]:
        lab.enter(each["name"], "sh", "-c", forget)


@contextmanager
def dropping_rule(lab: Lab) -> Iterator[None]:
    """A rule drops what is forwarded to web servers."""
    rule = ("FORWARD", "-p", "tcp", "--dport", "80", "-j", "DROP")
    lab.enter(node(lab, 0), "iptables", "-I", *rule)
    try:
        yield
    finally:
        lab.enter(node(lab, 0), "iptables", "-D", *rule)


@contextmanager
def dropping_policy(lab: Lab) -> Iterator[None]:
    """A node drops all that it should forward."""
    lab.enter(node(lab, 0), "iptables", "-P", "FORWARD", "DROP")
    try:
        yield
    finally:
        lab.enter(node(lab, 0), "iptables", "-P", "FORWARD", "ACCEPT")


BREAKAGES = (
    Breakage(
        selector_of_no_pod,
        {"S1": "The ready endpoints of s1 are", "S3": "page: expected ok"},
        "selector-matches-no-pod",
    ),
    Breakage(
        selector_of_another_pod,
        {"S1": "The ready endpoints of s1 are", "S3": "Only seen"},
        "selector-changed",
    ),
    Breakage(target_port, {"S3": "got refused"}, "target-port-closed"),
    Breakage(endpoint, {"S1": "The ready endpoints of s1 are"}, "endpoint-not-ready"),
    Breakage(kube_proxy_and_its_rules, {"S3": "expected ok"}, "kube-proxy-down"),
    Breakage(route, {"P9": "expected ok"}, "no-route"),
    Breakage(
        pod_that_nobody_reaches,
        {"P2": "The control failed, so nothing is proven", "P7": "expected ok"},
        "blackhole-route",
        # The refusals themselves were as expected.
        sees=frozenset({"refused", "no_route"}),
    ),
    Breakage(host_with_a_route_to_a_pod, {"P2": "expected no_route, got ok"}, "extra-route"),
    Breakage(
        dns, {"S2": "The name does not resolve in a pod either"}, "dns-no-endpoint", holds=("S4",)
    ),
    Breakage(
        host_without_a_name_server,
        {"S2": "The names of nodes do not resolve on the host either"},
        "target-port-closed",
        sees=frozenset({"unresolved"}),
    ),
    Breakage(mtu_of_a_node, {"P10": ""}, "mtu-too-large"),
    Breakage(mtu_of_a_pod, {"P10": "near: expected ok, got too_small"}, "mtu-too-large"),
    Breakage(dropping_rule, {"S3": "timeout"}, "policy-drops"),
    Breakage(dropping_policy, {"S3": ""}, "policy-drops"),
)
