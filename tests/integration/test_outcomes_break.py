"""One thing of a real lab is broken, and the outcomes that it breaks fail; then it is put right.

The checks run in this process: the same ones as ``verify`` makes, without starting Ansible.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import checking
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import load
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import OutcomeResult
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    engine,
    spaces,
)
from tests.integration.labs import STATE, Lab
from tests.places import ROOT

Check = Callable[..., dict[str, OutcomeResult]]


@pytest.fixture
def check(lab: Lab) -> Check:
    """Checks outcomes of the lab: {id: result}."""

    def checked(
        *ids: str, within: float | None = None, **variables: Any
    ) -> dict[str, OutcomeResult]:
        files = sorted((ROOT / "roles" / "outcomes" / "files").glob("*.yml"))
        chosen = [outcome for outcome in load(files) if outcome.id in ids]
        if within is not None:
            chosen = [outcome.model_copy(update={"within": within}) for outcome in chosen]
        place = live.lab(str(lab.contract_path), "default")
        return {each.id: each for each in checking.check(place, chosen, variables).results}

    return checked


def pod(lab: Lab, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(lab.kubectl("get", "pod", name, "-o", "json"))
    return document


def verdicts(results: dict[str, OutcomeResult]) -> dict[str, str]:
    return {name: each.verdict.value for name, each in results.items()}


@contextmanager
def route_of(lab: Lab, name: str, *replaced: str) -> Iterator[None]:
    """The route to a pod on its own node is another one for a while."""
    told = pod(lab, name)
    node, address = told["spec"]["nodeName"], told["status"]["podIP"]
    own = lab.enter(node, "ip", "route", "show", address).stdout.split()
    assert own, f"{node} has no route to {name}"
    assert lab.enter(node, "ip", "route", "del", *own).returncode == 0
    assert lab.enter(node, "ip", "route", "add", *replaced, address).returncode == 0
    try:
        yield
    finally:
        lab.enter(node, "ip", "route", "del", *replaced, address)
        assert lab.enter(node, "ip", "route", "add", *own).returncode == 0


def forget_path_mtu(lab: Lab, name: str) -> None:
    """A pod's kernel keeps what it learnt of a path's MTU for ten minutes; here it forgets it."""
    told = pod(lab, name)
    script = (
        "for space in /run/netns/*; do nsenter --net=$space ip -4 -oneline address show |"
        f" grep -q ' {told['status']['podIP']}/' && nsenter --net=$space ip route flush cache;"
        " done; true"
    )
    assert lab.enter(told["spec"]["nodeName"], "sh", "-c", script).returncode == 0


def test_the_lab_is_whole(check: Check) -> None:
    told = check("C1", "C2", "C3", "P1", "P2", "P5", "P7", "P9", "P10", "S1", "S2", "S3", "S4")
    assert set(verdicts(told).values()) == {"pass"}, told


def test_a_selector_that_matches_other_pods(lab: Lab, check: Check) -> None:
    lab.kubectl("patch", "service", "s1", "--patch", '{"spec": {"selector": {"service": "s2"}}}')
    try:
        told = check("S1", "S3", within=3)
    finally:
        lab.kubectl(
            "patch", "service", "s1", "--patch", '{"spec": {"selector": {"service": "s1"}}}'
        )
    assert verdicts(told) == {"S1": "fail", "S3": "fail"}
    assert "The ready endpoints of s1 are" in told["S1"].reason
    assert told["S3"].attempts > 1
    assert verdicts(check("S1", "S3", within=15)) == {"S1": "pass", "S3": "pass"}


def test_a_pod_that_nobody_reaches_does_not_pass_for_a_refusal(lab: Lab, check: Check) -> None:
    with route_of(lab, "p1", "blackhole"):
        told = check("P2", "P7")
    assert verdicts(told) == {"P2": "fail", "P7": "fail"}
    assert told["P2"].reason.startswith("The control failed, so nothing is proven")
    seen = {each.reason for each in told["P2"].evidence}
    assert {"refused", "no_route"} <= seen, "the refusals themselves were as expected"
    assert verdicts(check("P2", "P7")) == {"P2": "pass", "P7": "pass"}


def test_a_host_with_a_route_into_the_pod_network(lab: Lab, check: Check) -> None:
    told = pod(lab, "p1")
    route = [told["status"]["podIP"], "via", told["status"]["hostIP"]]
    assert lab.enter("host", "ip", "route", "add", *route).returncode == 0
    try:
        told = check("P2")
    finally:
        lab.enter("host", "ip", "route", "del", *route)
    assert verdicts(told) == {"P2": "fail"}
    assert "expected no_route, got ok" in told["P2"].reason
    assert verdicts(check("P2")) == {"P2": "pass"}


def test_a_path_that_is_narrower_than_the_pod_s_interface(lab: Lab, check: Check) -> None:
    told = pod(lab, "p2")
    node, address = told["spec"]["nodeName"], told["status"]["podIP"]
    (route,) = json.loads(lab.enter(node, "ip", "-json", "route", "show", address).stdout)
    veth = route["dev"]
    assert lab.enter(node, "ip", "link", "set", veth, "mtu", "1400").returncode == 0
    try:
        told = check("P10")
    finally:
        lab.enter(node, "ip", "link", "set", veth, "mtu", "1500")
        forget_path_mtu(lab, "p1")
    assert verdicts(told) == {"P10": "fail"}
    assert "near: expected ok, got too_small" in told["P10"].reason
    assert verdicts(check("P10")) == {"P10": "pass"}


def test_a_cluster_without_names(lab: Lab, check: Check) -> None:
    lab.kubectl("-n", "kube-system", "scale", "deployment", "kube-dns", "--replicas=0")
    lab.kubectl("-n", "kube-system", "wait", "--for=delete", "pod", "-l", "k8s-app=kube-dns")
    try:
        told = check("S2", "S4", within=0)
    finally:
        lab.kubectl("-n", "kube-system", "scale", "deployment", "kube-dns", "--replicas=1")
        lab.kubectl("-n", "kube-system", "rollout", "status", "deployment", "kube-dns")
    assert verdicts(told) == {"S2": "fail", "S4": "pass"}
    assert "The name does not resolve in a pod either" in told["S2"].reason
    deadline = time.monotonic() + 20
    while verdicts(check("S2"))["S2"] != "pass":
        assert time.monotonic() < deadline, "the names did not come back"


def test_a_host_without_a_name_server(lab: Lab, check: Check) -> None:
    host = spaces.find(lab.profile, STATE)["host"]
    engine.supervise(host, "stop", "names")
    try:
        told = check("S2")
    finally:
        engine.supervise(host, "start", "names")
    assert verdicts(told) == {"S2": "fail"}
    assert "The names of nodes do not resolve on the host either" in told["S2"].reason
    seen = {(each.from_, each.reason) for each in told["S2"].evidence}
    assert {reason for place, reason in seen if place == "host"} == {"unresolved"}
    assert verdicts(check("S2", within=5)) == {"S2": "pass"}


def test_a_pod_that_is_gone(lab: Lab, check: Check) -> None:
    told = check("P3", mark="x", changed="x", old_uid="1", peer="pod/nobody")
    assert verdicts(told) == {"P3": "fail"}
    asked = next(each for each in told["P3"].evidence if "nobody" in each.command)
    assert asked.reason == "not_run"
    assert "not found" in asked.output


def test_verify_tells_it_with_its_exit_code(lab: Lab) -> None:
    lab.kubectl("label", "pod", "p1", "service=s9", "--overwrite")
    try:
        done = lab.runner("verify")
        report = lab.report()
    finally:
        lab.kubectl("label", "pod", "p1", "service=s1", "--overwrite")
    assert done.code == 1, done.out
    failed = {each["id"] for each in report["outcomes"] if each["verdict"] == "fail"}
    assert "S1" in failed
    assert {"C1", "C2", "C3", "P7", "P9"}.isdisjoint(failed)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "- id: X1\n  title: Wrong\n  expected: Much\n  observed: Little\n  expect: [pods.]\n",
            "own.yml:5: outcome X1, field expect.0: 'pods.' is no expression",
        ),
        ("- id: [\n", "own.yml:2: this is no YAML"),
    ],
)
def test_outcomes_of_one_s_own_that_are_none(
    lab: Lab, tmp_path: Path, text: str, told: str
) -> None:
    own = tmp_path / "own.yml"
    own.write_text(text, encoding="utf-8")
    done = lab.runner("verify", "-e", json.dumps({"outcomes_files": [str(own)]}))
    assert done.code == 2, done.out
    assert told in " ".join(done.out.split())
    assert "Traceback" not in done.out


def test_an_outcome_of_one_s_own(lab: Lab, tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    own.write_text(
        "- id: X1\n"
        "  title: The web server says who it is\n"
        "  probes:\n"
        "    page: {from: pod/p2/p2-c2, http: 'http://${pods.p1.ip}/'}\n"
        "  expect:\n"
        "    - contains(probes.page.body, 'Ini adalah p1')\n"
        "  expected: p1's own page\n"
        "  observed: ${trim(probes.page.body)}\n",
        encoding="utf-8",
    )
    place = live.lab(str(lab.contract_path), "default")
    (result,) = checking.check(place, load([own]), {}).results
    assert (result.verdict, result.observed) == ("pass", "Ini adalah p1")


def test_a_pod_whose_image_has_no_tools(lab: Lab, tmp_path: Path) -> None:
    """A container with tools is put beside the pod's: it has the pod's network and names."""
    own = tmp_path / "own.yml"
    own.write_text(
        "- id: X1\n"
        "  title: A pod without a shell reaches p1\n"
        "  probes:\n"
        "    page: {from: pod/bare, http: 'http://${pods.p1.ip}/'}\n"
        "    path: {from: pod/bare, path: '${pods.p1.ip}'}\n"
        "    name: {from: pod/bare, dns: s1}\n"
        "    mtu: {from: pod/bare, mtu: '${pods.p1.ip}'}\n"
        "    own: {from: pod/bare, exec: [hostname], want: no_tool}\n"
        "    nobody: {from: pod/bare, http: 'http://${pods.bare.ip}/', want: refused}\n"
        "  control: [probes.page.ok]\n"
        "  expect:\n"
        "    - probes.page.local_ip == pods.bare.ip\n"
        "    - probes.path.hops[-1].owner == 'pod/p1'\n"
        "    - probes.name.addresses == [services.s1.cluster_ip]\n"
        "  expected: An answer\n"
        "  observed: ${trim(probes.page.body)}\n",
        encoding="utf-8",
    )
    lab.kubectl("run", "bare", "--image=registry.k8s.io/pause:3.2")
    lab.kubectl("wait", "--for=condition=Ready", "pod/bare", "--timeout=60s")
    try:
        place = live.lab(str(lab.contract_path), "default")
        (result,) = checking.check(place, load([own]), {}).results
    finally:
        lab.kubectl("delete", "pod", "bare", "--force", "--grace-period=0")
    assert result.verdict == "pass", result.reason
    asked = next(each for each in result.evidence if each.kind == "http")
    assert "$ sh /etc/latihan/tools.sh " in asked.command
