"""What an outcome is judged by: the facts, and the answers of its probes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import Document
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    ProbeResult,
    Why,
)

Probed = Mapping[str, Sequence[ProbeResult]]
"""The results of an outcome's probes, by the probe's name."""


@dataclass(frozen=True)
class Observation:
    """All that an outcome is judged by.

    Args:
        document: the facts, ``before``, ``vars`` and ``probes``, as expressions see them.
        facts: the same facts; None if they could not be read.
        probes: the same probes' results.
        why: why their packets went where they went.
        note: what else is to be said of what was observed.
    """

    document: Document
    facts: Facts | None = None
    probes: Probed = field(default_factory=dict)
    why: Sequence[Why] = ()
    note: str = ""

    @property
    def variables(self) -> Mapping[str, Any]:
        """The outcome's ``vars``."""
        found: Mapping[str, Any] = self.document.get("vars", {})
        return found

    @property
    def results(self) -> Iterator[ProbeResult]:
        """The results of all probes."""
        for results in self.probes.values():
            yield from results


def documents(outcome: OutcomeEntry, probes: Probed) -> Document:
    """Probes' results as expressions see them; a list if the entry makes many."""
    return {
        name: [each.document() for each in results]
        if outcome.probes[name].many
        else results[0].document()
        for name, results in probes.items()
    }
