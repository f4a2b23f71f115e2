"""Which services an outcome is about. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    Expression,
    compiled,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.templates import template
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import (
    OutcomeEntry,
    ProbeEntry,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Probe
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.targets import (
    address_and_port,
    owner_of,
    service_at,
)

_ROOTS = ("services", "endpoints")
_BEFORE = "before"


def services_of(outcome: OutcomeEntry, probes: Sequence[Probe], facts: Facts) -> frozenset[str]:
    """The services that an outcome's expressions name, and those that its probes ask.

    Args:
        outcome: the outcome.
        probes: its probes, filled in.
        facts: the facts, which know who has which name, address and port.
    """
    named = {name for expression in _expressions(outcome) for name in _named(expression)}
    asked = {name for probe in probes for name in _asked(probe, facts)}
    return frozenset(named | asked)


def _named(expression: Expression) -> Iterator[str]:
    for path in expression.paths():
        root, *members = path[1:] if path[0] == _BEFORE else path
        if root in _ROOTS and members:
            yield members[0]


def _asked(probe: Probe, facts: Facts) -> Iterator[str]:
    words = [probe.target] if isinstance(probe.target, str) else probe.target
    for word in words:
        address, port = address_and_port(word)
        kind, _, name = (owner_of(address, facts) or "").partition("/")
        if kind == "service":
            yield name
        elif behind := service_at(f"{kind}/{name}", port, facts):
            yield behind


def _expressions(outcome: OutcomeEntry) -> Iterator[Expression]:
    for expectation in (*outcome.control, *outcome.expect):
        yield compiled(expectation.that)
        yield from template(expectation.otherwise).expressions
    for text in (outcome.expected, outcome.observed):
        yield from template(text).expressions
    for probe in outcome.probes.values():
        yield from _of_probe(probe)


def _of_probe(probe: ProbeEntry) -> Iterator[Expression]:
    if probe.each is not None:
        yield compiled(probe.each)
    words = [probe.target] if isinstance(probe.target, str) else probe.target
    for text in (probe.from_ or "", *words, *probe.options.values()):
        yield from template(text).expressions
