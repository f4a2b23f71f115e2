"""Which versions of Kubernetes the lab runs, and which come from where."""

from __future__ import annotations

import re

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import versions
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.candidates import candidates, sums


@pytest.mark.parametrize("version", ["v1.20.2", "v1.35.0", "v1.35.17", "v1.36.2", "v1.36.0-rc.1"])
def test_versions_that_the_lab_runs(version: str) -> None:
    assert versions.of(version).version == version


@pytest.mark.parametrize(
    "version", ["v1.20.1", "v1.20.3", "v1.21.0", "v1.34.9", "v1.37.0", "v2.36.0"]
)
def test_versions_that_were_never_tried(version: str) -> None:
    with pytest.raises(LabError, match=rf"does not run Kubernetes {version}") as caught:
        versions.of(version)
    assert caught.value.kind is Kind.INPUT
    assert "v1.20.2, v1.35.x and v1.36.x" in caught.value.hint


def test_every_pin_is_of_an_archive_of_a_version_that_the_lab_runs() -> None:
    for archive, pin in sums().items():
        version, _, name = archive.partition("/")
        assert versions.of(version)
        assert re.fullmatch(r"kubernetes-server-linux-(amd64|arm64)\.tar\.gz", name)
        assert re.fullmatch(r"[0-9a-f]{128}", pin)
    assert len(set(sums().values())) == len(sums())


def tried(source: str, version: str, machine: str = "x86_64", sha512: str = "") -> list[str]:
    found = candidates(source, version, sha512, machine)
    return [f"{each.source} {each.version}" for each in found]


def test_auto_is_the_newest_pinned_release_and_then_what_debian_builds() -> None:
    newest = max((archive.split("/")[0] for archive in sums()), key=versions.number)
    for machine in ("x86_64", "aarch64"):
        assert tried("auto", "auto", machine) == [f"release {newest}", "debian v1.20.2"]
    assert tried("release", "auto") == [f"release {newest}"]
    assert tried("debian", "auto") == ["debian v1.20.2"]
    assert tried("auto", "auto", "riscv64") == ["debian v1.20.2"]
    assert versions.number("v1.9.0") < versions.number("v1.36.2") < versions.number("v1.36.10")


def test_each_machine_has_an_archive_and_a_checksum_of_its_own() -> None:
    intel, arm = (candidates("auto", "v1.35.5", "", name)[0] for name in ("x86_64", "aarch64"))
    assert intel.archive == "v1.35.5/kubernetes-server-linux-amd64.tar.gz"
    assert arm.archive == "v1.35.5/kubernetes-server-linux-arm64.tar.gz"
    assert (intel.sha512, arm.sha512) == (sums()[intel.archive], sums()[arm.archive])


def test_a_version_that_was_asked_for_is_not_replaced_by_another() -> None:
    assert tried("auto", "v1.20.2") == ["release v1.20.2", "debian v1.20.2"]
    assert tried("auto", "v1.35.5") == tried("release", "v1.35.5") == ["release v1.35.5"]
    own = candidates("auto", "v1.36.99", "0" * 128, "x86_64")
    assert [(each.version, each.sha512) for each in own] == [("v1.36.99", "0" * 128)]


@pytest.mark.parametrize(
    ("source", "version", "machine", "sha512", "message"),
    [
        ("debian", "v1.36.2", "x86_64", "", r"v1\.36\.2 can't be built: only v1\.20\.2 can"),
        ("auto", "v1.36.99", "x86_64", "", r"checksum of the release v1\.36\.99 is not known"),
        ("release", "auto", "riscv64", "", "no release of Kubernetes for this machine, riscv64"),
        ("release", "v1.35.5", "riscv64", "0", "no release of Kubernetes for this machine"),
        ("auto", "auto", "x86_64", "0", "is the checksum of one version"),
        ("release", "v1.21.0", "x86_64", "0", r"does not run Kubernetes v1\.21\.0"),
        ("auto", "../x", "x86_64", "0", "is not a version"),
    ],
)
def test_what_can_not_be_had(
    source: str, version: str, machine: str, sha512: str, message: str
) -> None:
    with pytest.raises(LabError, match=message) as caught:
        candidates(source, version, sha512, machine)
    assert caught.value.kind is Kind.INPUT
    assert caught.value.hint


def test_a_mode_that_this_kube_proxy_does_not_have() -> None:
    for version, mode in (
        ("v1.20.2", "iptables"),
        ("v1.36.2", "iptables"),
        ("v1.36.2", "nftables"),
    ):
        versions.require_proxy_mode(versions.of(version), mode)
    with pytest.raises(LabError, match=r"v1\.20\.2 has no mode 'nftables'") as caught:
        versions.require_proxy_mode(versions.of("v1.20.2"), "nftables")
    assert caught.value.kind is Kind.INPUT
