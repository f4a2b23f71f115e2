"""Which services an outcome is about."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.diagnosis.subjects import (
    services_of,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import OutcomeEntry
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.filling import filled

PLAIN = {
    "id": "X1",
    "title": "s1 is no service of this one",
    "expect": ["lab.profile == 'uji'"],
    "expected": "the words s1 and selector",
    "observed": "so it is",
}


def about(known: Facts, **fields: Any) -> set[str]:
    outcome = OutcomeEntry.model_validate({**PLAIN, **fields})
    probes = [
        probe
        for name, entry in outcome.probes.items()
        for probe in filled(name, entry, known.plain())
    ]
    return set(services_of(outcome, probes, known))


def test_words_name_no_service(known: Facts) -> None:
    assert about(known) == set()


@pytest.mark.parametrize(
    "fields",
    [
        {"expect": ["services.s1.port == `80`"]},
        {"control": ["length(endpoints.s1.ready) == `2`"]},
        {"expect": ["length(before.endpoints.s1.ready) == `2`"]},
        {"expect": [{"that": "lab.nodes", "otherwise": "It is ${endpoints.s1.ready}"}]},
        {"observed": "${services.s1.cluster_ip}"},
    ],
)
def test_expressions_name_services(known: Facts, fields: dict[str, Any]) -> None:
    assert about(known, **fields) == {"s1"}


@pytest.mark.parametrize(
    "probe",
    [
        {"from": "host", "http": "http://s1/"},
        {"from": "host", "http": "${services.s1.url}"},
        {"from": "host", "tcp": "s1.default.svc.cluster.local:80"},
        {"from": "host", "exec": ["curl", "http://s1/"]},
    ],
)
def test_targets_are_services_by_name_address_and_port(known: Facts, probe: Any) -> None:
    assert about(known, probes={"x": probe}) == {"s1"}


def test_a_target_of_another_name_is_none(known: Facts) -> None:
    probe = {"from": "host", "http": "http://s1.example/"}
    assert about(known, probes={"x": probe}) == set()


def test_addresses_are_looked_up(known: Facts) -> None:
    address = known.services["s1"].cluster_ip
    port = known.services["s1"].node_port
    for target in (f"http://{address}/", f"http://192.168.77.2:{port}/"):
        assert about(known, probes={"x": {"from": "host", "http": target}}) == {"s1"}
