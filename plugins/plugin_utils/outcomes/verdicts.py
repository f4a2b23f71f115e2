"""The verdicts of a run, gathered from task to task in a fact of the host. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FACT = "outcomes_results"

Verdicts = dict[str, dict[str, str]]
_WEIGHT = {"pass": 0, "skip": 1, "fail": 2}


def earlier(task_vars: Mapping[str, Any]) -> Verdicts:
    """What the tasks before this one have gathered."""
    known = (task_vars.get("ansible_facts") or {}).get(FACT) or {}
    return {name: dict(entry) for name, entry in known.items()}


def gathered(before: Verdicts, reports: Iterable[Mapping[str, Any]]) -> Verdicts:
    """The verdicts so far and some more; of an outcome checked twice the worse one counts."""
    found = {name: dict(entry) for name, entry in before.items()}
    for report in reports:
        entry = {key: str(report[key]) for key in ("verdict", "title", "reason")}
        entry["cause"] = next((str(each["cause"]) for each in report.get("diagnosis") or []), "")
        known = found.get(str(report["id"]))
        if known is None or _WEIGHT[entry["verdict"]] > _WEIGHT[known["verdict"]]:
            found[str(report["id"])] = entry
    return found


def told(name: str, entry: Mapping[str, str]) -> str:
    """One line about an outcome that doesn't hold: why, and the likely cause where one is known."""
    cause = entry.get("cause")
    return f"{name} {entry['title']}: {entry['reason']}" + (
        f" Likely cause: {cause}" if cause else ""
    )


def failed(verdicts: Verdicts) -> list[str]:
    """The ids of the outcomes that don't hold."""
    return [name for name, entry in verdicts.items() if entry["verdict"] == "fail"]
