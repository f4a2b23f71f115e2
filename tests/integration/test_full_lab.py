"""The lab as a user sees it: full-lab, its report, and what comes after it."""

from __future__ import annotations

import json
import os
import signal
import xml.etree.ElementTree as ET
from ipaddress import ip_address, ip_network

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import OutcomeResult
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import spaces
from tests.integration.breakages import supervise
from tests.integration.labs import MADE_WITH, STATE, Lab, report_in
from tests.integration.test_breakages import check_until

PROVEN = {
    *(f"C{number}" for number in range(1, 5)),
    *(f"P{number}" for number in range(1, 14)),
    *(f"S{number}" for number in range(1, 19)),
}
# How many tasks of each part say that they changed something, on what the part itself left. They go
# by kubectl's words, which differ between the versions of Kubernetes.
CHANGED = {"pods": 10, "node_labels": 3, "host_network": 2, "services": 11, "ingress": 8}


def test_every_outcome_holds(lab: Lab) -> None:
    report = report_in(lab.artifacts)
    verdicts = {outcome["id"]: outcome["verdict"] for outcome in report["outcomes"]}
    assert verdicts.keys() >= PROVEN
    assert {identifier for identifier, verdict in verdicts.items() if verdict == "fail"} == set()
    assert {identifier for identifier in PROVEN if verdicts[identifier] != "pass"} == set()


def test_every_outcome_says_what_was_expected_and_seen(lab: Lab) -> None:
    for outcome in report_in(lab.artifacts)["outcomes"]:
        assert outcome["expected"], outcome["id"]
        assert outcome["observed"], outcome["id"]
        assert outcome["evidence"], outcome["id"]


def test_junit_has_every_outcome(lab: Lab) -> None:
    names = [
        case.get("name", "") for case in ET.parse(lab.artifacts / "junit.xml").iter("testcase")
    ]
    assert {name.split()[0].rstrip(":") for name in names} >= PROVEN


def test_pods_are_as_in_the_article(lab: Lab) -> None:
    done = lab.runner("kubectl", "get", "pods", "-o", "json")
    assert done.code == 0, done.out
    pods = {item["metadata"]["name"]: item for item in json.loads(done.out)["items"]}
    assert {"p1", "p2", "p3"} <= pods.keys()
    assert pods["p3"]["spec"]["nodeName"] == lab.profile
    assert all(
        status["ready"]
        for name in ("p1", "p2", "p3")
        for status in pods[name]["status"]["containerStatuses"]
    )
    assert all(len(pods[name]["spec"]["containers"]) == 2 for name in ("p1", "p2", "p3"))


def test_second_provision_changes_nothing(lab: Lab) -> None:
    done = lab.runner("provision", "-v", *MADE_WITH)
    assert done.code == 0, done.out
    assert "changed=0" in done.out


def test_a_lab_that_an_interruption_left_half_stopped_goes_on(lab: Lab) -> None:
    """``stop`` ends a node's kubelet first, and only a start offers the API to the machine."""
    other = lab.contract["nodes"][1]["name"]
    supervise(lab, other, "stop", "kubelet")
    lab.kubectl("cordon", other)
    for process in spaces.processes(lab.profile, STATE, space="api"):
        os.kill(process, signal.SIGKILL)
    done = lab.runner("provision", "-v", *MADE_WITH)
    assert done.code == 0, done.out
    assert "changed=1" in done.out
    lab.wait(f'nodes."{other}".ready')
    assert "SchedulingDisabled" not in lab.kubectl("get", "nodes")


def test_stop_start_verify(lab: Lab) -> None:
    control_plane, other = (node["name"] for node in lab.contract["nodes"])
    assert lab.runner("stop", "-e", f"cluster_node={other}").code == 0
    result = check_until(lab, ["C2"], lambda found: causes(found["C2"]) == ["node-down"])["C2"]
    assert (result.verdict, causes(result)) == ("fail", ["node-down"]), result
    assert other in result.diagnosis[0].cause
    assert lab.runner("stop", "-e", f"cluster_node={control_plane}").code == 0
    without = lab.runner("verify")
    assert without.code == 1, without.out
    assert f"The API does not answer; stopped nodes: {control_plane}, {other}." in without.out
    assert lab.runner("stop").code == 0
    assert [node["reach"]["state"] for node in lab.contract["nodes"]] == ["stopped", "stopped"]
    started = lab.runner("start")
    assert started.code == 0, started.out
    verified = lab.runner("verify")
    assert verified.code == 0, verified.out


def causes(result: OutcomeResult) -> list[str]:
    return [found.id for found in result.diagnosis[:1]]


def test_the_parts_run_again_on_what_they_left_without_the_faults(lab: Lab) -> None:
    for name in ("no-forwarding", "selector-of-no-pod"):
        broken = lab.runner("break", name)
        assert broken.code == 0, broken.out
    parts = ("--tags", "pods,node_labels,host_network,services,ingress")
    done = lab.runner("full-lab", *parts, *MADE_WITH)
    assert done.code == 0, done.out
    report = lab.report()
    again = {outcome["id"] for outcome in report["outcomes"]}
    assert again == PROVEN - {"C1", "C2", "C3", "C4", "P12"}
    changed = {
        role: sum(step["changed"] for step in report["steps"] if step["name"] == role)
        for role in CHANGED
    }
    assert changed == CHANGED
    assert "No fault is in place." in lab.runner("heal").out


def test_lab_has_no_way_out(lab: Lab) -> None:
    """The lab's host, which nodes send to, has routes to the lab's own network only."""
    links = json.loads(lab.enter("host", "ip", "-json", "link").stdout)
    assert {link["ifname"] for link in links} == {"lo", "lab0", "node1", "node2"}
    routes = json.loads(lab.enter("host", "ip", "-json", "route").stdout)
    assert [route["dst"] for route in routes] == [lab.contract["network"]]
    routes = json.loads(lab.enter("host", "ip", "-6", "-json", "route").stdout)
    own = {route["dst"] for route in routes} - {"fe80::/64"}
    (second,) = map(ip_network, own)
    seen = lab.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.addresses[*].address}")
    nodes = {ip_address(word) for word in seen.split() if ":" in word}
    assert len(nodes) == 2
    assert all(each in second for each in nodes)
