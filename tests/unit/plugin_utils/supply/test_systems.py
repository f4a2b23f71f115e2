"""Packages for another system of the same distribution."""

from __future__ import annotations

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import systems
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.sources import of_release
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.systems import System

OWN = System("debian-12-x86_64", "bookworm")


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(System, "own", lambda: OWN)


def test_the_machines_own_is_the_default() -> None:
    assert systems.chosen("", "") is OWN
    assert systems.chosen("debian-12-x86_64", "bookworm") is OWN


def test_another_release_can_be_had() -> None:
    assert systems.chosen("debian-13-x86_64", "trixie") == System("debian-13-x86_64", "trixie")


@pytest.mark.parametrize("name", ["ubuntu-24.04-x86_64", "debian-12-aarch64"])
def test_another_distribution_or_processor_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="can't get packages") as raised:
        systems.chosen(name, "noble")
    assert raised.value.kind is Kind.INPUT
    assert "lab_machine_supply=own" in raised.value.hint


def test_sources_are_those_of_the_other_release() -> None:
    files = {
        "debian.sources": "Types: deb\nURIs: http://deb/\nSuites: bookworm bookworm-updates\n"
        "\nTypes: deb\nURIs: http://node.example/\nSuites: nodistro\n",
        "a.list": "deb http://deb/ bookworm main\ndeb http://x/ sdk-bookworm main\n",
        "third.list": "deb http://third.example/ stable main\n",
    }
    assert of_release(files, "bookworm", "trixie") == {
        "debian.sources": "Types: deb\nURIs: http://deb/\nSuites: trixie trixie-updates\n",
        "a.list": "deb http://deb/ trixie main\n",
    }
