"""The manifest for administrators gives exactly the rights that the lab asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing import (
    namespace,
    rights,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.rights import Right
from tests.places import ROOT

MANIFEST = ROOT / "examples" / "existing" / "rights.yaml"


def given(kind: str) -> Iterator[Right]:
    """The rights that the manifest's roles of a kind give."""
    for item in documents():
        if item["kind"] == kind:
            for rule in item["rules"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        (group,) = rule["apiGroups"]
                        yield Right(verb, resource, group, namespaced=kind == "Role")


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")))


def test_it_gives_what_is_asked_for_and_no_more() -> None:
    assert set(given("Role")) == {*rights.IN_NAMESPACE, rights.SEE_NAMESPACE}
    assert set(given("ClusterRole")) == set(rights.IN_CLUSTER)


def test_its_namespace_is_the_labs() -> None:
    (made,) = (item for item in documents() if item["kind"] == "Namespace")
    assert made["metadata"]["labels"] == {namespace.MANAGED_BY: namespace.LATIHAN}
