"""The lab's own outcomes, judged by what a lab would show in which they aren't so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.judge import judge
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import Outcome, load

Document = dict[str, Any]

FILES = Path(__file__).parents[3] / "roles" / "outcomes" / "files"
OUTCOMES = {outcome.id: outcome for outcome in load(sorted(FILES.glob("*.yml")))}


def answer(reason: str = "ok", **fields: Any) -> Document:
    told = {"reason": reason, "ok": reason == "ok", "command": "typed", "output": "printed"}
    return told | fields


def restarted(phase: str) -> tuple[Outcome, Document]:
    """P12, and what it is judged by where a pod is in that phase after the start."""
    outcome = OUTCOMES["P12"]
    after = {
        "served": [],
        "pods": [
            {"name": "p1", "uid": "1", "phase": phase, "reason": "", "ready": False},
            {"name": "p2", "uid": "2", "phase": "Succeeded", "reason": "", "ready": False},
        ],
    }
    given = {
        "served_before": ["p1"],
        "ready_before": ["p1"],
        "old_uids": ["1", "2"],
        "after": after,
    }
    pods = {name: {"uid": f"new {name}", "ready": True} for name in ("p1", "p2", "p3")}
    probes = {"pods": answer(), "p1": answer(status=200)}
    return outcome, {"vars": outcome.vars | given, "pods": pods, "probes": probes}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_bare_pod_that_has_ended_does_not_come_back(phase: str) -> None:
    assert judge(*restarted(phase)).verdict == "pass"


@pytest.mark.parametrize("phase", ["Running", "Pending", "Unknown"])
def test_a_pod_that_is_not_ready_may_still_come_back(phase: str) -> None:
    verdict = judge(*restarted(phase))
    assert verdict.verdict == "fail"
    assert f"They may start again: p1 {phase}, p2 Succeeded." in verdict.reason
