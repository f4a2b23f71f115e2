"""Who asked whom, and how it ended, from all that an outcome's probes saw. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.observation import Probed
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kinds import KINDS
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OK,
    Flow,
    HttpYield,
    IcmpYield,
    PathYield,
    ProbeResult,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.targets import (
    address_and_port,
    owner_of,
    service_at,
)

_NEVER_ASKED = {"not_run", "no_tool", "unavailable"}
_NEVER_LEFT = {"no_route", "unreachable", "unresolved", "no_such_name"}
# No page shows more; all pairs of a hundred pods are thousands.
_MOST = 100


class _Way(NamedTuple):
    """A flow without its count; cheap, since there may be thousands."""

    stops: tuple[str, ...]
    goal: str
    reason: str
    seen: bool = False
    asked: str = ""


def flows(outcome: OutcomeEntry, probes: Probed, facts: Facts) -> list[Flow]:
    """The different flows of an outcome's probes, at most a hundred.

    Args:
        outcome: the outcome.
        probes: the results of all its probes.
        facts: the facts that judge it.

    Returns:
        Those of wrong answers first; otherwise in the order of the probes.
    """
    wrong: Counter[_Way] = Counter()
    right: Counter[_Way] = Counter()
    for name, results in probes.items():
        entry = outcome.probes[name]
        for result in results:
            into = right if entry.accepts(result.reason) else wrong
            into.update(_of(result, facts))
    counted = [*wrong.items(), *right.items()][:_MOST]
    return [Flow(**way._asdict(), times=times) for way, times in counted]


def _of(result: ProbeResult, facts: Facts) -> Iterator[_Way]:
    if isinstance(result.yields, PathYield):
        yield from _traced(result, result.yields, facts)
    elif KINDS[result.kind].packets:
        yield from _asked(result, facts)


def _traced(result: ProbeResult, path: PathYield, facts: Facts) -> Iterator[_Way]:
    known = [hop.owner for hop in path.hops or [] if hop.owner]
    if known:
        goal = owner_of(result.target, facts) or known[-1]
        reason = OK if result.ok else "stopped"
        yield _Way((_start(result), *known), goal, reason, seen=True)


def _asked(result: ProbeResult, facts: Facts) -> Iterator[_Way]:
    address, port = address_and_port(result.target)
    start, reason = _start(result), result.reason
    goal = facts.owner(_answered(result)) or owner_of(address, facts)
    if goal is None or goal == start or reason in _NEVER_ASKED:
        return
    if reason.startswith("http_"):
        reason = OK
    stops: tuple[str, ...] = (start,) if reason in _NEVER_LEFT else (start, goal)
    if service := service_at(goal, port, facts):
        goal = f"service/{service}"
        # An unanswered packet may never have reached the service.
        stops += (goal,) if reason == OK else ()
    yield _Way(stops, goal, reason, asked=KINDS[result.kind].packets)


def _answered(result: ProbeResult) -> str:
    """The address that answered; empty if the answer doesn't say."""
    match result.yields:
        case HttpYield(remote_ip=str(address)) | IcmpYield(address=str(address)):
            return address
        case _:
            return ""


def _start(result: ProbeResult) -> str:
    """The owner that a probe starts at: a pod's containers share its address."""
    return "/".join(result.from_.split("/")[:2])
