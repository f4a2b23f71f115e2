"""What the engine makes of the API's objects."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import api

BEGUN = "2026-01-02T03:04:05Z"
BEGUN_S = 1767323045


def pod(phase: str, *, ready: bool = True, begun: str | None = BEGUN) -> dict[str, Any]:
    state = {"running": {"startedAt": begun}} if begun else {"waiting": {}}
    return {"status": {"phase": phase, "containerStatuses": [{"ready": ready, "state": state}]}}


@pytest.mark.parametrize(
    ("phase", "told"),
    [("Running", False), ("Pending", False), ("Failed", True), ("Succeeded", True)],
)
def test_a_pod_that_a_kubelet_refused_has_ended(phase: str, told: bool) -> None:
    assert api.ended(pod(phase)) is told
    assert api.ended({"metadata": {}}) is False


def test_a_pod_serves_once_its_containers_are_ready_since_the_start() -> None:
    assert api.serves(pod("Running"), since=BEGUN_S)
    assert not api.serves(pod("Running"), since=BEGUN_S + 1)
    assert not api.serves(pod("Running", ready=False), since=0)
    assert not api.serves(pod("Running", begun=None), since=0)
    assert not api.serves({"status": {"phase": "Pending"}}, since=0)


def test_a_node_is_behind_while_its_rules_lead_to_an_endpoint_of_before() -> None:
    ports = [{"port": 53}, {"port": 54}]
    endpoints = {"subsets": [{"addresses": [{"ip": "10.244.0.8"}], "ports": ports}]}
    rule = "-A KUBE-SEP-X -p udp -j DNAT --to-destination 10.244.0.{}\n"
    rules = {
        "knows": rule.format("8:53") + rule.format("8:54"),
        "knows half": rule.format("8:53"),
        "of before": rule.format("80:53") + rule.format("8:540"),
        "empty": "",
    }
    assert api.behind(endpoints, rules) == ["knows half", "of before", "empty"]
    # Before the DNS is ready again nobody can know where it is.
    assert api.behind({"subsets": [{"notReadyAddresses": [], "ports": ports}]}, rules) == [*rules]


def test_a_cordoned_or_tainted_node_takes_pods_again() -> None:
    hard = {"key": "mine", "effect": "NoSchedule"}
    soft = {"key": "latihan/spare", "effect": "PreferNoSchedule"}
    silent = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
    cordoned = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    for spec, kept in (
        ({"unschedulable": True, "taints": [cordoned]}, None),
        ({"taints": [hard, soft, silent]}, [soft, silent]),
        ({"unschedulable": True}, None),
    ):
        patch = {"spec": {"unschedulable": None, "taints": kept}}
        assert api.admitting({"spec": spec}) == patch
    for taken in ({}, {"taints": [soft]}, {"taints": [soft, silent]}):
        assert api.admitting({"spec": taken}) == {}
