"""Who asked whom, and the way that packets took: read from an outcome and the facts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Document = Mapping[str, Any]

OK = "ok"
# What every node knows the host by.
_HOST = "host.minikube.internal"
# More than these in one picture, and nobody can follow any of them.
_SHOWN = 4
_ASKING = {
    "http": "HTTP", "tcp": "TCP", "udp": "UDP", "icmp": "ping", "mtu": "large packets",
}  # fmt: skip
_NEVER_ASKED = {"not_run", "unavailable"}
_NEVER_LEFT = {"no_route", "unreachable", "unresolved"}


@dataclass(frozen=True)
class Flow:
    """Packets between things of the lab.

    Args:
        stops: the owners on the way, as in ``("pod/p1", "node/latihan", "pod/p3")``; the first is
            where they start.
        goal: the owner that was asked for; the last stop where they arrived.
        reason: ``ok`` or why they did not arrive.
        seen: whether each stop answered for itself (a traced path), or only the goal did.
        asked: how it was asked for, as in ``http`` and ``ping``.
    """

    stops: tuple[str, ...]
    goal: str
    reason: str = OK
    seen: bool = False
    asked: str = ""

    @property
    def ok(self) -> bool:
        """Whether they arrived."""
        return self.reason == OK


def flows_of(outcome: Document, facts: Document) -> list[Flow]:
    """What to draw for an outcome: its first traced path, or else what its probes asked."""
    traced = list(_traced(outcome, facts))
    if traced:
        return [next((flow for flow in traced if not flow.ok), traced[0])]
    asked = dict.fromkeys(_asked(outcome, facts))
    return list(asked)[:_SHOWN]


def _traced(outcome: Document, facts: Document) -> Iterator[Flow]:
    for path in _documents(outcome.get("paths")):
        start = whereabouts(str(path.get("from", "")))
        hops = [str(hop.get("owner") or "") for hop in _documents(path.get("hops"))]
        known = [hop for hop in hops if hop]
        if start and known:
            goal = owner(str(path.get("target", "")), facts) or known[-1]
            reason = OK if path.get("arrived", True) else "stopped"
            yield Flow((start, *known), goal, reason, seen=True)


def _asked(outcome: Document, facts: Document) -> Iterator[Flow]:
    for each in _documents(outcome.get("evidence")):
        start = whereabouts(str(each.get("from", "")))
        if each.get("kind") not in _ASKING or not start:
            continue
        address, port = address_and_port(str(each.get("target", "")))
        goal = owner(address, facts)
        if goal is None or goal == start:
            continue
        reason = str(each.get("reason", OK))
        if reason in _NEVER_ASKED:
            continue
        if reason.startswith("http_"):
            reason = OK
        stops: tuple[str, ...] = (start,) if reason in _NEVER_LEFT else (start, goal)
        service = _node_port(goal, port, facts)
        if service:
            goal = service
            # What is not answered may never have come to the service.
            stops += (service,) if reason == OK else ()
        yield Flow(stops, goal, reason, asked=_ASKING[each["kind"]])


def told(flow: Flow) -> str:
    """A flow in words, as in ``p1 to s1 (HTTP): no route``."""
    between = [stop for stop in flow.stops[1:] if stop != flow.goal]
    way = f" by way of {' and '.join(short(stop) for stop in between)}" if between else ""
    how = f" ({flow.asked})" if flow.asked else ""
    return f"{short(flow.stops[0])} to {short(flow.goal)}{way}{how}: {words(flow.reason)}"


def short(stop: str) -> str:
    """An owner without its kind."""
    return stop.partition("/")[2] or stop


def words(reason: str) -> str:
    """A probe's reason for a person."""
    return {"ok": "answered", "timeout": "timed out"}.get(reason, reason.replace("_", " "))


def whereabouts(place: str) -> str:
    """The owner that a probe's place belongs to: containers of a pod share its address."""
    return "/".join(place.split("/")[:2])


def address_and_port(target: str) -> tuple[str, int | None]:
    """The address or name in a probe's target, and the port where it names one."""
    try:
        parts = urlsplit(target if "://" in target else f"//{target}")
        found = parts.hostname or "", parts.port
    except ValueError:
        found = "", None
    return found


def owner(address: str, facts: Document) -> str | None:
    """Who has an address or a name: ``host``, ``node/NAME``, ``pod/NAME`` or ``service/NAME``."""
    known = _mapping(_mapping(facts.get("addresses")).get(address)).get("owner")
    if known or address == _HOST:
        return str(known or "host")
    for name, service in _mapping(facts.get("services")).items():
        if address in (service.get("external_ips") or []) or address.partition(".")[0] == name:
            return f"service/{name}"
    return None


def _node_port(goal: str, port: int | None, facts: Document) -> str:
    """The service behind a port of a node; empty where there is none."""
    if port is None or not goal.startswith("node/"):
        return ""
    for name, service in _mapping(facts.get("services")).items():
        if any(port == each.get("node_port") for each in _documents(service.get("ports"))):
            return f"service/{name}"
    return ""


def _documents(value: object) -> list[Document]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _mapping(value: object) -> Document:
    return value if isinstance(value, Mapping) else {}
