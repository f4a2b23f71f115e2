"""Which tests of Kubernetes the action plugin keeps, and what it says if it can't build them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.action import kubernetes_tests
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import packages, testbuild
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt

VERSION = "v1.20.2"
PROGRAMS = (testbuild.TESTS, testbuild.RUNNER, testbuild.AGNHOST, testbuild.REGRESSION)


def bring(cache: Path, *, check_mode: bool = False) -> dict[str, Any]:
    action = object.__new__(kubernetes_tests.ActionModule)
    action._task = SimpleNamespace(check_mode=check_mode)
    return action.execute({"cache": str(cache), "version": VERSION})


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the build, which takes minutes; the versions that the next builds print."""
    versions: list[str] = []

    def build(_version: str, into: Path, _cache: Path) -> None:
        text = f"#!/bin/sh\necho {versions.pop(0)}\n"
        for name in (*PROGRAMS, "localhost.crt", "localhost.key"):
            (into / name).write_text(text)
            (into / name).chmod(0o755)

    monkeypatch.setattr(testbuild, "build", build)
    return versions


def test_tests_are_built_once_and_again_if_they_are_broken(
    tmp_path: Path, printed: list[str]
) -> None:
    printed += [VERSION, VERSION]
    assert bring(tmp_path, check_mode=True)["changed"]
    assert len(printed) == 2
    first = bring(tmp_path)
    assert first == {"changed": True, "bin": str(tmp_path / f"kubernetes/{VERSION}-tests/bin")}
    assert bring(tmp_path) == {**first, "changed": False}
    (Path(first["bin"]) / testbuild.RUNNER).unlink()
    assert bring(tmp_path)["changed"]
    assert not printed


def test_tests_of_another_version_are_not_kept(tmp_path: Path, printed: list[str]) -> None:
    printed.append("v1.20.3")
    with pytest.raises(LabError, match=r"not of version v1\.20\.2"):
        bring(tmp_path)
    assert not (tmp_path / f"kubernetes/{VERSION}-tests").exists()


def test_another_version_needs_its_own_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "provide", lambda *_: None)
    source = Path("kubernetes_1.20.2-1.dsc")
    monkeypatch.setattr(PrivateApt, "fetch_source", lambda *_: [source])
    with pytest.raises(LabError, match=r"need the sources of .* v1\.35\.6\.") as raised:
        testbuild.build("v1.35.6", tmp_path, tmp_path)
    assert raised.value.kind is Kind.INPUT
