"""Recorded answers of a real cluster, and a lab's contract to go with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Node,
    Reachable,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import Document
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts

DATA = Path(__file__).parent / "data"


@pytest.fixture
def contract() -> Contract:
    return Contract(
        profile="uji",
        provider="embedded",
        kubeconfig="/nowhere/kubeconfig",
        kubectl="kubectl",
        host_address="192.168.77.1",
        host=Reachable(("nsenter", "--target=1", "--")),
        nodes=(
            Node("uji", "192.168.77.2", Reachable(("nsenter", "--target=2", "--"))),
            Node("uji-m02", "192.168.77.3", Stopped()),
            Node("far", "192.168.77.4", Missing("Nobody enters far.")),
        ),
        network="192.168.77.0/24",
        pod_network="10.77.0.0/16",
        service_network="10.78.0.0/16",
    )


@pytest.fixture
def items() -> dict[str, list[ApiObject]]:
    return {
        kind: json.loads((DATA / f"{kind}.json").read_text(encoding="utf-8"))["items"]
        for kind in ("nodes", "pods", "services", "endpoints")
    }


@pytest.fixture
def known(contract: Contract, items: dict[str, list[ApiObject]]) -> Facts:
    network = (DATA / "network.json").read_text(encoding="utf-8")
    return facts.assemble(items, "default", contract, {"uji": network})


@pytest.fixture
def document(known: Facts) -> Document:
    """The facts as expressions see them."""
    return known.plain()
