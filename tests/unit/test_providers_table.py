"""The table of docs/providers.md says what the outcomes' own entries say."""

from __future__ import annotations

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common import collection
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry, load
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import named
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.local import Local
from tests.providers_table import proven_by_provider


def entries() -> list[OutcomeEntry]:
    return load(collection.outcome_files())


def needs_ability(outcome: OutcomeEntry, provider: str = "existing") -> bool:
    lacks = {f"lab.cannot.{ability}" for ability in named(provider).lacking()}
    return any(name in rule.when for rule in outcome.skip for name in lacks)


def needs_name(outcome: OutcomeEntry) -> bool:
    return any("lab.cannot.host_name" in rule.when for rule in outcome.skip)


def needs_host(outcome: OutcomeEntry) -> bool:
    probes = outcome.probes.values()
    return any(probe.from_ == "host" and not probe.optional for probe in probes)


def test_the_table_has_every_outcome() -> None:
    table = proven_by_provider()
    names = [outcome.id for outcome in entries()]
    assert {column: sorted(each) for column, each in table.items()} == dict.fromkeys(
        table, sorted(names)
    )
    assert all(table["`embedded`"].values())


def test_what_is_skipped_with_and_without_a_place_outside() -> None:
    table = proven_by_provider()
    outside = {each.id: not (needs_ability(each) or needs_name(each)) for each in entries()}
    alone = {each.id: outside[each.id] and not needs_host(each) for each in entries()}
    assert table["`existing` with a place outside"] == outside
    assert table["`existing` alone"] == alone


@pytest.mark.parametrize("name", ["minikube", "kind"])
def test_what_a_program_of_the_users_can_not_show(name: str) -> None:
    provider = named(name)
    assert isinstance(provider, Local)
    assert proven_by_provider()[f"`{name}`"] == {
        each.id: not (needs_ability(each, name) or (provider.host_name and needs_name(each)))
        for each in entries()
    }
