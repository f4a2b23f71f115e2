"""One thing is broken on the standing lab at a time: the outcome fails, and the cause is named."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import checking, entries
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import OutcomeResult
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    engine,
    layout,
    spaces,
)
from tests.integration.labs import STATE, Lab
from tests.places import ROOT

FILES = [
    ROOT / "roles" / "outcomes" / "files" / f"{name}.yml"
    for name in ("cluster", "pods", "services")
]
_SHOWS_WITHIN = 20.0
ENTRIES = {entry.id: entry for entry in entries.load(FILES)}


def check(lab: Lab, identifier: str, within: float = 0.0) -> OutcomeResult:
    """The result of one outcome, checked now; asked again for that many seconds while it fails."""
    entry = ENTRIES[identifier].model_copy(update={"within": within})
    told = checking.check(live.lab(str(lab.contract_path), "default"), [entry], {})
    return told.results[0]


def check_until(lab: Lab, identifier: str, cause: str) -> OutcomeResult:
    """The result of one outcome, once it fails for that cause; the last one where it doesn't."""
    deadline = time.monotonic() + _SHOWS_WITHIN
    while True:
        result = check(lab, identifier)
        causes = [found.id for found in result.diagnosis]
        if causes[:1] == [cause] or time.monotonic() > deadline:
            return result
        time.sleep(0.3)


def node(lab: Lab, number: int) -> str:
    name: str = lab.contract["nodes"][number]["name"]
    return name


def service(lab: Lab, patch: dict[str, Any]) -> None:
    lab.kubectl("patch", "service", "s1", "--type=merge", "--patch", json.dumps(patch))


@contextmanager
def selector(lab: Lab) -> Iterator[None]:
    known = json.loads(lab.kubectl("get", "service", "s1", "-o", "json"))["spec"]["selector"]
    service(lab, {"spec": {"selector": {**known, "nobody": "here"}}})
    yield
    service(lab, {"spec": {"selector": {**known, "nobody": None}}})


@contextmanager
def target_port(lab: Lab) -> Iterator[None]:
    known = json.loads(lab.kubectl("get", "service", "s1", "-o", "json"))["spec"]["ports"]
    service(lab, {"spec": {"ports": [{**known[0], "targetPort": 81}]}})
    yield
    service(lab, {"spec": {"ports": known}})


@contextmanager
def endpoint(lab: Lab) -> Iterator[None]:
    """A pod without a ready container leaves its service: its web server is stopped by a signal."""
    lab.kubectl("exec", "p1", "-c", "p1-c1", "--", "nginx", "-s", "stop")
    lab.kubectl("wait", "--for=condition=Ready=false", "pod/p1", "--timeout=30s")
    yield
    manifest = ROOT / "roles" / "services" / "files" / "latihan.yaml"
    lab.kubectl("delete", "pod", "p1", "--force", "--grace-period=0")
    lab.kubectl("apply", "-f", str(manifest))
    lab.wait("pods.p1.ready")
    page = "echo Ini adalah p1 > /usr/share/nginx/html/index.html"
    lab.kubectl("exec", "p1", "-c", "p1-c1", "--", "bash", "-c", page)


@contextmanager
def kube_proxy(lab: Lab) -> Iterator[None]:
    supervise(lab, "stop")
    yield
    supervise(lab, "start")


def supervise(lab: Lab, what: str) -> None:
    cluster = layout.load(STATE, lab.profile)
    engine.supervise(spaces.find(lab.profile, STATE)[cluster.nodes[1].name], what, "kube-proxy")


@contextmanager
def route(lab: Lab) -> Iterator[None]:
    block = json.loads(lab.kubectl("get", "node", node(lab, 0), "-o", "json"))["spec"]["podCIDR"]
    gateway = lab.contract["nodes"][0]["address"]
    lab.enter(node(lab, 1), "ip", "route", "del", block)
    yield
    lab.enter(node(lab, 1), "ip", "route", "add", block, "via", gateway)


@contextmanager
def dns(lab: Lab) -> Iterator[None]:
    scale(lab, 0)
    yield
    scale(lab, 1)


def scale(lab: Lab, replicas: int) -> None:
    where = ("--namespace=kube-system", "deployment/kube-dns")
    lab.kubectl("scale", f"--replicas={replicas}", *where)
    lab.kubectl("rollout", "status", "--timeout=60s", *where)


@contextmanager
def mtu(lab: Lab) -> Iterator[None]:
    lab.enter(node(lab, 1), "ip", "link", "set", "eth0", "mtu", "1400")
    yield
    lab.enter(node(lab, 1), "ip", "link", "set", "eth0", "mtu", "1500")
    # The pods remember the smaller path for ten minutes (RFC 1191).
    forget = "for p in $(pgrep .); do nsenter -t $p -n ip route flush cache; done"
    lab.enter(node(lab, 1), "sh", "-c", forget)


@contextmanager
def policy(lab: Lab) -> Iterator[None]:
    rule = ("FORWARD", "-p", "tcp", "--dport", "80", "-j", "DROP")
    lab.enter(node(lab, 0), "iptables", "-I", *rule)
    yield
    lab.enter(node(lab, 0), "iptables", "-D", *rule)


@contextmanager
def default_policy(lab: Lab) -> Iterator[None]:
    lab.enter(node(lab, 0), "iptables", "-P", "FORWARD", "DROP")
    yield
    lab.enter(node(lab, 0), "iptables", "-P", "FORWARD", "ACCEPT")


Breaking = Callable[[Lab], Any]


@pytest.mark.parametrize(
    ("breaking", "outcome", "cause"),
    [
        (selector, "S1", "selector-matches-no-pod"),
        (target_port, "S3", "target-port-closed"),
        (endpoint, "S1", "endpoint-not-ready"),
        (kube_proxy, "S3", "kube-proxy-down"),
        (route, "P9", "no-route"),
        (dns, "S2", "dns-no-endpoint"),
        (mtu, "P10", "mtu-too-large"),
        (policy, "S3", "policy-drops"),
        (default_policy, "S3", "policy-drops"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_cause_is_named_and_goes_with_it(
    lab: Lab, breaking: Breaking, outcome: str, cause: str
) -> None:
    with breaking(lab):
        broken = check_until(lab, outcome, cause)
    mended = check(lab, outcome, _SHOWS_WITHIN)
    assert broken.verdict == "fail"
    assert broken.diagnosis[0].id == cause, broken
    assert mended.verdict == "pass", mended.reason


def test_a_stopped_node_is_named(lab: Lab) -> None:
    cluster = layout.load(STATE, lab.profile)
    stopped = cluster.nodes[1].name
    engine.stop(cluster, [stopped])
    broken = check_until(lab, "C2", "node-down")
    engine.start(cluster)
    again = lab.runner("verify")  # It makes the node's bare pods again, which ended with it.
    assert broken.diagnosis[0].id == "node-down", broken
    assert stopped in broken.diagnosis[0].cause
    assert again.code == 0, again.out


def test_verify_tells_the_cause_and_exits_1(lab: Lab) -> None:
    with route(lab):
        done = lab.runner("verify")
    assert done.code == 1, done.out
    assert "no route to" in done.out
    assert "ip route add" in done.out
