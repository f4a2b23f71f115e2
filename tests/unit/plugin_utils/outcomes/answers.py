"""Answers of probes, and observations made of them, as short as tests want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import Document
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.observation import Observation
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kinds import KINDS
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    COMMON,
    ProbeResult,
)

Given = ProbeResult | Sequence[ProbeResult]


def answer(reason: str = "ok", kind: str = "http", **fields: Any) -> ProbeResult:
    """A probe's answer; what its kind yields may be among the fields."""
    told: dict[str, Any] = {
        "name": "page",
        "kind": kind,
        "from_": "host",
        "item": None,
        "target": "http://10.0.0.1/",
        "reason": reason,
        "ok": reason == "ok",
        "command": "host$ curl",
        "output": "what it printed",
        "exit_code": 0,
        "duration_s": 0.1,
        **{
            "from_" if name == "from" else name: value
            for name, value in fields.items()
            if name in COMMON
        },
    }
    yielded = {name: value for name, value in fields.items() if name not in COMMON}
    return ProbeResult(**told, yields=KINDS[kind].yields(**yielded))


def observed(
    document: Document, probes: dict[str, Given], facts: Facts | None = None
) -> Observation:
    """What an outcome is judged by; expressions see a list of answers as one."""
    seen = {
        name: given.document()
        if isinstance(given, ProbeResult)
        else [each.document() for each in given]
        for name, given in probes.items()
    }
    results = {
        name: [given] if isinstance(given, ProbeResult) else given for name, given in probes.items()
    }
    return Observation({"vars": {}, **document, "probes": seen}, facts, results)
