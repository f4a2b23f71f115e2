"""Probes as an outcome or a task declares them, filled in from facts."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    Document,
    ExpressionError,
    compiled,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.templates import template
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import ProbeEntry
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Probe, place


def filled(name: str, entry: ProbeEntry, document: Document) -> list[Probe]:
    """The probes that an entry makes.

    Raises:
        ExpressionError: a fact that it needs is missing.
        LabError: its place isn't valid.
    """
    items: list[Any] = [None]
    if entry.each is not None:
        items = compiled(entry.each).value(document) or []
        if items == [] and entry.optional:
            return []
        if not isinstance(items, list) or not items:
            raise ExpressionError(f"{entry.each} yields nothing to probe")
    return [
        _one(name, entry, {**document, "item": item}, item)
        for item in items
        for _ in range(entry.count)
    ]


def _one(name: str, entry: ProbeEntry, document: Document, item: Any) -> Probe:
    target = entry.target
    return Probe(
        name=name,
        kind=entry.kind,
        place=None if entry.from_ is None else place(str(template(entry.from_).value(document))),
        target=str(template(target).value(document))
        if isinstance(target, str)
        else tuple(str(template(word).value(document)) for word in target),
        options=tuple(
            (option, str(template(value).value(document)))
            for option, value in entry.options.items()
        ),
        timeout=entry.timeout,
        delay=entry.after,
        item=item,
    )
