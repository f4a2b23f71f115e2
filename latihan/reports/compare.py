"""What changed between two runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    EndpointsInfo,
    Facts,
    NodeInfo,
    PodInfo,
    ServiceInfo,
)
from latihan.reports.models import Report

_NONE = "—"


@dataclass(frozen=True)
class Difference:
    """One difference.

    Args:
        what: its kind: verdict, expected, observed, reason, endpoints, address, state or version.
        name: what it is about: an outcome's id, or an owner such as ``pod/p1``.
        before: how it was in the first run; a dash if it wasn't there.
        after: how it was in the second run.
    """

    what: str
    name: str
    before: str
    after: str


def differences(old: Report, new: Report) -> list[Difference]:
    """The differences between two reports.

    Args:
        old: a report.
        new: another one.

    Returns:
        Verdicts first, then what outcomes expected and observed, then the lab itself, by the
        last facts of each run. Times are not compared: they always differ.
    """
    found = [
        *_outcomes(old, new, ("verdict",)),
        *_outcomes(old, new, ("expected", "observed", "reason")),
    ]
    versions = [each.kubernetes_version for each in (old, new)]
    if all(versions):
        found += _differing("version", "Kubernetes", *versions)
    found += _differing("provider", "", old.provider, new.provider)
    # A run that never looked at the lab says nothing about it.
    if old.last and new.last:
        found += _labs(old.last, new.last)
    return found


def _outcomes(old: Report, new: Report, fields: Sequence[str]) -> Iterator[Difference]:
    before, after = old.by_id, new.by_id
    for name in dict.fromkeys([*before, *after]):
        for field in fields:
            if field != "verdict" and not (name in before and name in after):
                continue
            one, other = (
                getattr(each[name], field) if name in each else "not checked"
                for each in (before, after)
            )
            yield from _differing(field, name, one, other)


def _labs(before: Facts, after: Facts) -> Iterator[Difference]:
    for what, one, other in (
        ("endpoints", _endpoints(before), _endpoints(after)),
        ("address", _addresses(before), _addresses(after)),
        ("state", _states(before), _states(after)),
    ):
        for name in dict.fromkeys([*one, *other]):
            yield from _differing(what, name, one.get(name), other.get(name))


def _differing(what: str, name: str, before: object, after: object) -> Iterator[Difference]:
    if before != after:
        shown = [_NONE if each in (None, "") else str(each) for each in (before, after)]
        yield Difference(what, name, *shown)


def _endpoints(facts: Facts) -> dict[str, str]:
    return {f"service/{name}": _behind(each) for name, each in facts.endpoints.items()}


def _behind(endpoints: EndpointsInfo) -> str:
    """The ready pods with their addresses; an address without a pod has an empty name."""
    missing = len(endpoints.ready) - len(endpoints.ready_pods)
    pods = [*endpoints.ready_pods, *[""] * missing]
    pairs = sorted(zip(endpoints.ready, pods, strict=False), key=lambda pair: pair[1])
    return ", ".join(f"{pod} {address}" for address, pod in pairs) or "none ready"


def _addresses(facts: Facts) -> dict[str, str]:
    return {
        **{f"node/{name}": node.internal_ip or "" for name, node in facts.nodes.items()},
        **{f"pod/{name}": _place(pod) for name, pod in facts.pods.items()},
        **{f"service/{name}": _ways(service) for name, service in facts.services.items()},
    }


def _place(pod: PodInfo) -> str:
    return f"{pod.ip or 'none'} on {pod.node or 'no node'}"


def _ways(service: ServiceInfo) -> str:
    port = f"port {service.node_port}" if service.node_port else None
    parts = [service.type, service.cluster_ip, *service.external_ips, port]
    return " ".join(part for part in parts if part)


def _states(facts: Facts) -> dict[str, str]:
    return {
        **{f"node/{name}": _of_node(node) for name, node in facts.nodes.items()},
        **{f"pod/{name}": _of_pod(pod) for name, pod in facts.pods.items()},
    }


def _of_node(node: NodeInfo) -> str:
    return "ready" if node.ready else f"not ready: {node.reason}"


def _of_pod(pod: PodInfo) -> str:
    return f"{pod.phase}, {'ready' if pod.ready else f'not ready {pod.reason}'.strip()}"
