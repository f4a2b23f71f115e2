"""Providers: each is a folder, and can do what it doesn't say that it can't."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import (
    Profile,
    of_contract,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import (
    Ability,
    Provider,
    Wanted,
)
from tests.places import ROOT

METHODS = {
    Ability.POWER: {"start", "stop"},
    Ability.TUNNEL: {"tunnel"},
    Ability.RECORDS: {"set_records"},
}


class Bare(Provider):
    """A cluster that somebody else made: nothing of it is this machine's."""

    name = "bare"
    needs_root = ""
    cannot: ClassVar[Mapping[Ability, str]] = {
        Ability.POWER: "Its nodes belong to somebody else.",
        Ability.TUNNEL: "It has a load balancer of its own.",
        Ability.RECORDS: "Its DNS belongs to somebody else.",
    }

    def make(self, profile: Profile, wanted: Wanted, *, check: bool) -> bool:
        return False

    def remove(self, profile: Profile, *, check: bool) -> bool:
        return False

    def processes(self, profile: Profile) -> list[int]:
        return []

    def labs(self, state: Path) -> set[Profile]:
        return set()


def honest(provider: Provider) -> Mapping[Ability, bool]:
    """By ability, whether the provider says that it can't, or else has the methods for it."""
    return {
        ability: (ability in provider.cannot)
        != all(getattr(type(provider), name) is not getattr(Provider, name) for name in methods)
        for ability, methods in METHODS.items()
    }


def lab(tmp_path: Path, provider: str) -> Profile:
    profile = Profile("uji", tmp_path)
    profile.folder.mkdir()
    profile.contract.write_text(json.dumps({"provider": provider}), encoding="utf-8")
    return profile


@pytest.mark.parametrize("name", providers.names())
def test_a_provider_has_its_files_and_its_methods(name: str) -> None:
    provider = providers.named(name)
    assert provider.name == name
    assert set(METHODS) == set(Ability)
    assert honest(provider) == dict.fromkeys(Ability, True)
    inventory = yaml.safe_load((ROOT / "inventory" / f"{name}.yml").read_text(encoding="utf-8"))
    assert inventory["lab"]["vars"]["lab_provider"] == name
    assert (ROOT / "roles" / "cluster" / "tasks" / f"{name}.yml").is_file()


def test_every_inventory_is_of_a_provider() -> None:
    stems = {path.stem for path in ROOT.glob("inventory/*.yml")} - {"machines.example"}
    assert tuple(sorted(stems)) == providers.names()


def test_the_default_is_a_provider() -> None:
    assert providers.DEFAULT in providers.names()


def test_what_a_provider_can_not_do_is_refused_with_its_reason(tmp_path: Path) -> None:
    bare, profile = Bare(), Profile("uji", tmp_path)
    assert honest(bare) == dict.fromkeys(Ability, True)
    with pytest.raises(LabError, match="'bare' can't stop and start a cluster. Its nodes") as told:
        bare.stop(profile, "", check=False)
    assert told.value.kind is Kind.INPUT
    with pytest.raises(LabError, match="can't stop and start"):
        bare.start(profile, "", check=False)
    with pytest.raises(LabError, match="It has a load balancer of its own"):
        bare.tunnel(profile, "")
    with pytest.raises(LabError, match="Its DNS belongs"):
        bare.set_records(profile, {}, check=False)


def test_a_lab_is_of_the_provider_that_made_it(tmp_path: Path) -> None:
    profile = Profile("uji", tmp_path)
    default = providers.named(providers.DEFAULT)
    assert providers.of(profile) is default
    lab(tmp_path, providers.DEFAULT)
    assert providers.of(profile) is default
    assert providers.of(profile, providers.DEFAULT) is default
    with pytest.raises(LabError, match=f"'uji' is of the provider '{default.name}', not 'bare'"):
        providers.of(profile, "bare")


def test_a_provider_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="names the provider 'bare'.*The providers") as told:
        providers.of(lab(tmp_path, "bare"))
    assert told.value.kind is Kind.INPUT


def test_a_lab_is_half_made_until_it_has_a_contract(tmp_path: Path) -> None:
    profile = Profile("uji", tmp_path)
    assert not Bare().is_half_made(profile)
    profile.folder.mkdir()
    assert Bare().is_half_made(profile)
    profile.contract.touch()
    assert not Bare().is_half_made(profile)


def test_a_lab_is_found_by_its_contract() -> None:
    assert of_contract(Path("/s/uji/contract.json")) == Profile("uji", Path("/s"))


def test_removing_says_what_went_wrong(tmp_path: Path) -> None:
    program = f"{providers.__name__}.remove"
    for name, code in ((providers.DEFAULT, 0), ("bare", 4)):
        done = subprocess.run(
            [sys.executable, "-m", program, name, str(tmp_path), "uji"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT / "collections",
        )
        assert done.returncode == code, done.stderr
    assert done.stderr.startswith("There is no provider 'bare'.")
