"""Flows in words, and which of them are drawn. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Flow

# With more of them in one picture, nobody can follow any.
_SHOWN = 4


def drawn(flows: Sequence[Flow]) -> list[Flow]:
    """What to draw of an outcome's flows: one traced path, or else the first few."""
    traced = [flow for flow in flows if flow.seen]
    if traced:
        return [next((flow for flow in traced if not flow.ok), traced[0])]
    return list(flows[:_SHOWN])


def caption(flow: Flow) -> str:
    """A flow in words, as in ``p1 to s1 (HTTP): no route``."""
    between = [stop for stop in flow.stops[1:] if stop != flow.goal]
    way = f" by way of {' and '.join(short(stop) for stop in between)}" if between else ""
    how = f" ({flow.asked})" if flow.asked else ""
    often = f", {flow.times} times" if flow.times > 1 else ""
    return f"{short(flow.stops[0])} to {short(flow.goal)}{way}{how}: {words(flow.reason)}{often}"


def short(stop: str) -> str:
    """An owner without its kind."""
    return stop.partition("/")[2] or stop


def words(reason: str) -> str:
    """A probe's reason for a person."""
    return {"ok": "answered", "timeout": "timed out"}.get(reason, reason.replace("_", " "))
