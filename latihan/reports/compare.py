"""What changed between two runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]

_NONE = "—"


@dataclass(frozen=True)
class Change:
    """One difference.

    Args:
        what: its kind: verdict, expected, observed, reason, endpoints, address, state or version.
        name: what it is about: an outcome's id, or an owner such as ``pod/p1``.
        before: how it was in the first run; a dash where it wasn't.
        after: the same of the second run.
    """

    what: str
    name: str
    before: str
    after: str


def changes(old: Document, new: Document) -> list[Change]:
    """The differences between two reports.

    Args:
        old: a report.
        new: another one.

    Returns:
        Verdicts first, then what outcomes expected and observed, then the lab itself as the last
        facts of each run tell it. Times are not compared: they always differ.
    """
    found = [
        *_outcomes(old, new, ("verdict",)),
        *_outcomes(old, new, ("expected", "observed", "reason")),
    ]
    versions = [each["kubernetes_version"] for each in (old, new)]
    if all(versions):
        found += _differing("version", "Kubernetes", *versions)
    found += _differing("provider", "", old["provider"], new["provider"])
    before, after = _last(old), _last(new)
    # A run that never looked at the lab says nothing about it.
    return found + (list(_labs(before, after)) if before and after else [])


def _outcomes(old: Document, new: Document, fields: tuple[str, ...]) -> Iterator[Change]:
    before = {str(each["id"]): each for each in old["outcomes"]}
    after = {str(each["id"]): each for each in new["outcomes"]}
    for name in dict.fromkeys([*before, *after]):
        for field in fields:
            if field != "verdict" and not (name in before and name in after):
                continue
            missing = {field: "not checked"}
            one, other = (each.get(name, missing).get(field) for each in (before, after))
            yield from _differing(field, name, one, other)


def _labs(before: Document, after: Document) -> Iterator[Change]:
    for what, one, other in (
        ("endpoints", _endpoints(before), _endpoints(after)),
        ("address", _addresses(before), _addresses(after)),
        ("state", _states(before), _states(after)),
    ):
        for name in dict.fromkeys([*one, *other]):
            yield from _differing(what, name, one.get(name), other.get(name))


def _differing(what: str, name: str, before: object, after: object) -> Iterator[Change]:
    if before != after:
        shown = [_NONE if each in (None, "") else str(each) for each in (before, after)]
        yield Change(what, name, *shown)


def _endpoints(facts: Document) -> dict[str, str]:
    return {
        f"service/{name}": ", ".join(
            f"{pod} {address}"
            for address, pod in sorted(
                zip(fact.get("ready") or [], _padded(fact), strict=False), key=lambda pair: pair[1]
            )
        )
        or "none ready"
        for name, fact in _part(facts, "endpoints").items()
    }


def _padded(fact: Document) -> list[str]:
    """The pods behind ready addresses; an address without one has an empty name."""
    pods = [str(name) for name in fact.get("ready_pods") or []]
    return pods + [""] * (len(fact.get("ready") or []) - len(pods))


def _addresses(facts: Document) -> dict[str, str]:
    found = {
        f"node/{name}": str(fact.get("internal_ip") or "")
        for name, fact in _part(facts, "nodes").items()
    }
    for name, fact in _part(facts, "pods").items():
        found[f"pod/{name}"] = f"{fact.get('ip') or 'none'} on {fact.get('node') or 'no node'}"
    for name, fact in _part(facts, "services").items():
        parts = [fact.get("type"), fact.get("cluster_ip"), *(fact.get("external_ips") or [])]
        parts += [f"port {fact['node_port']}"] if fact.get("node_port") else []
        found[f"service/{name}"] = " ".join(str(part) for part in parts if part)
    return found


def _states(facts: Document) -> dict[str, str]:
    found = {
        f"node/{name}": "ready" if fact.get("ready") else f"not ready: {fact.get('reason')}"
        for name, fact in _part(facts, "nodes").items()
    }
    for name, fact in _part(facts, "pods").items():
        ready = "ready" if fact.get("ready") else f"not ready {fact.get('reason') or ''}".strip()
        found[f"pod/{name}"] = f"{fact.get('phase')}, {ready}"
    return found


def _last(report: Document) -> Document:
    facts = report.get("facts") or [{}]
    last = facts[-1]
    return last if isinstance(last, Mapping) else {}


def _part(facts: Document, name: str) -> Document:
    part = facts.get(name)
    return part if isinstance(part, Mapping) else {}
