"""A report as the wrapper writes it, small enough to read."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import Document
from latihan.reports.models import VERSION, Report
from latihan.reports.page import render


def pod(name: str, address: str, node: str | None, **fields: Any) -> Document:
    usual: Document = {
        "name": name,
        "ip": address,
        "node": node,
        "phase": "Running" if node else "Pending",
        "ready": node is not None,
        "declared": [f"{name}-c1"],
    }
    return usual | fields


def node(name: str, address: str, *, ready: bool = True) -> Document:
    return {
        "name": name,
        "internal_ip": address,
        "ready": ready,
        "reason": "" if ready else "NodeStatusUnknown",
        "version": "v1.20.2",
        "pod_cidr": "10.9.0.0/24",
    }


def facts() -> Document:
    pods = [
        pod("p1", "10.9.1.1", "two"),
        pod("p2", "10.9.1.2", "two"),
        pod("p3", "10.9.0.3", "one"),
    ]
    return {
        "nodes": {"one": node("one", "192.0.2.2"), "two": node("two", "192.0.2.3")},
        "pods": {each["name"]: each for each in pods},
        "services": {
            "s1": {
                "name": "s1",
                "type": "NodePort",
                "cluster_ip": "10.8.0.1",
                "port": 80,
                "node_port": 30080,
                "ports": [{"port": 80, "node_port": 30080}],
                "external_ips": [],
            }
        },
        "endpoints": {
            "s1": {
                "name": "s1",
                "ready": ["10.9.1.1", "10.9.0.3"],
                "ready_pods": ["p1", "p3"],
                "not_ready": [],
            }
        },
        "host": {"address": "192.0.2.1"},
        "addresses": {
            "192.0.2.1": {"owner": "host"},
            "192.0.2.2": {"owner": "node/one"},
            "192.0.2.3": {"owner": "node/two"},
            "10.9.1.1": {"owner": "pod/p1"},
            "10.9.1.2": {"owner": "pod/p2"},
            "10.9.0.3": {"owner": "pod/p3"},
            "10.8.0.1": {"owner": "service/s1"},
        },
        "lab": {"profile": "latihan"},
    }


def asked(kind: str, start: str, target: str, reason: str = "ok", output: str = "") -> Document:
    return {
        "kind": kind,
        "from": start,
        "target": target,
        "reason": reason,
        "command": f"{start}$ {kind} {target}",
        "output": output,
    }


def path(start: str, target: str, *owners: str | None, arrived: bool = True) -> Document:
    hops = [{"address": "10.9.9.9", "owner": each, "interface": "eth0"} for each in owners]
    return {"from": start, "target": target, "arrived": arrived, "hops": hops}


def flow(*stops: str, **fields: Any) -> Document:
    return {"stops": list(stops), "goal": stops[-1], **fields}


def outcome(name: str, verdict: str = "pass", **fields: Any) -> Document:
    usual: Document = {
        "id": name,
        "title": f"The title of {name}",
        "expected": f"what {name} expects",
        "observed": f"what {name} saw",
        "verdict": verdict,
        "reason": "" if verdict == "pass" else f"why {name} does not pass",
        "evidence": [asked("http", "host", "http://192.0.2.2/", output=f"the answer to {name}")],
        "flows": [flow("host", "node/one", asked="HTTP")],
        "moment": 0,
        "duration_s": 0.5,
    }
    return usual | fields


def report(*outcomes: Document, **fields: Any) -> Document:
    verdicts = [each["verdict"] for each in outcomes]
    counts = {word: verdicts.count(word) for word in ("pass", "fail", "skip")}
    usual: Document = {
        "version": VERSION,
        "playbook": "full-lab",
        "profile": "latihan",
        "provider": "embedded",
        "command": "python3 runner.py full-lab",
        "kubernetes_version": "v1.20.2",
        "started": "2026-01-02T03:04:05+00:00",
        "duration_s": 61.5,
        "spent_s": {"outcomes": 11.25, "waits": 17.5, "cluster": 30.25, "other": 2.5},
        "exit_code": 1 if counts["fail"] else 0,
        "verdicts": counts,
        "outcomes": list(outcomes),
        "facts": [facts()],
        "last_moment": 0,
        "steps": [
            {
                "name": "cluster",
                "play": "Provision",
                "role": "cluster",
                "tasks": 3,
                "changed": 1,
                "skipped": 0,
                "failed": False,
                "duration_s": 30.25,
            }
        ],
        "slowest": [{"task": "Start", "step": "cluster", "place": "x:1", "duration_s": 30.0}],
        "failures": [],
    }
    return usual | fields


def read(document: Document) -> Report:
    return Report.model_validate(document)


def rendered(document: Document) -> str:
    """The page of a report."""
    return render(read(document))


def failure(**fields: Any) -> Document:
    usual: Document = {
        "task": "Start the nodes",
        "role": "cluster",
        "host": "localhost",
        "path": "roles/cluster/tasks/main.yml",
        "line": 7,
        "kind": "step",
        "message": "etcd does not answer.",
        "hint": "Look at its log.",
        "detail": "connection refused",
    }
    return usual | fields


CAUSE = [{"id": "selector", "cause": "The selector of s1 matches no pod.", "fix": "Mend it."}]
FULL = report(
    outcome("C1"),
    outcome(
        "P2",
        evidence=[asked("http", "host", "http://10.9.1.1/", "no_route")],
        flows=[flow("host", asked="HTTP", reason="no_route") | {"goal": "pod/p1"}],
    ),
    outcome(
        "P9",
        paths=[path("pod/p1", "10.9.0.3", "node/two", "node/one", "pod/p3")],
        flows=[flow("pod/p1", "node/two", "node/one", "pod/p3", seen=True)],
    ),
    outcome("P10", "skip", moment=None),
    outcome(
        "S1",
        "fail",
        diagnosis=CAUSE,
    ),
    outcome(
        "S3",
        "fail",
        why=[{"sentence": "p2 -> s1, to p3", "lines": ["-A KUBE-SERVICES -j KUBE-SVC-X"]}],
        diagnosis=CAUSE,
    ),
    outcome("S4", "fail"),
    outcome("mine-1"),
)
