"""The check that a folder has working programs."""

from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import binaries

from .conftest import VERSION, Programs


def test_versions_are_what_the_programs_print(programs: Programs) -> None:
    versions = binaries.versions(programs(kubelet="v1.19.0", kubectl="v1.20.2-rc.0"))
    assert set(versions) == set(binaries.NAMES)
    assert versions.pop("kubelet") == "v1.19.0"
    assert versions.pop("kubectl") == "v1.20.2-rc.0"
    assert set(versions.values()) == {VERSION}


def test_a_missing_program_is_named(programs: Programs) -> None:
    folder = programs()
    (folder / "kube-proxy").unlink()
    (folder / "kubectl").chmod(0o644)
    with pytest.raises(LabError, match="missing in .*: kube-proxy, kubectl") as raised:
        binaries.versions(folder)
    assert raised.value.kind is Kind.INPUT


def test_a_proof_is_kept_until_a_program_changes(programs: Programs, tmp_path: Path) -> None:
    folder, stamp = programs(), tmp_path / "proven.json"
    assert binaries.prove(folder, VERSION, stamp)
    first = stamp.stat().st_mtime_ns
    assert binaries.prove(folder, VERSION, stamp)
    assert stamp.stat().st_mtime_ns == first
    (folder / "kubelet").write_text("#!/bin/sh\nexit 1\n")
    assert not binaries.prove(folder, VERSION, stamp)


def test_another_version_is_no_proof(programs: Programs, tmp_path: Path) -> None:
    folder = programs(kube_scheduler="v1.20.5")
    assert not binaries.prove(folder, VERSION, tmp_path / "proven.json")
    assert not (tmp_path / "proven.json").exists()


def test_an_empty_folder_is_no_proof(tmp_path: Path) -> None:
    assert not binaries.prove(tmp_path, VERSION, tmp_path / "proven.json")
