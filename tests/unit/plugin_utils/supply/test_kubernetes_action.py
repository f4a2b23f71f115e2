"""Which source the action plugin takes, and what it leaves behind."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.action import kubernetes
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import candidates

from .conftest import VERSION, Mirror, Programs, archive

ARCHIVE = "kubernetes-server-linux-amd64.tar.gz"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, programs: Programs) -> list[str]:
    """Stands in for the build, which takes minutes; lists the versions that were built."""
    versions: list[str] = []

    def build(version: str, into: Path, _cache: Path) -> None:
        versions.append(version)
        programs(into)

    monkeypatch.setattr(
        "ansible_collections.latihan.lab.plugins.plugin_utils.supply.gobuild.build", build
    )
    return versions


def bring(cache: Path, mirror: Mirror, *, check_mode: bool = False, **more: Any) -> dict[str, Any]:
    action = object.__new__(kubernetes.ActionModule)
    action._task = SimpleNamespace(check_mode=check_mode)
    return action.execute(
        {
            "cache": str(cache),
            "source": "auto",
            "version": VERSION,
            "release_url": mirror.url,
            "release_sha512": mirror.sha512,
            "path": "",
            "answer": 2.0,
            "download": 20.0,
            **more,
        }
    )


def test_auto_takes_the_release_and_then_the_cache(
    cache: Path, mirror: Mirror, built: list[str]
) -> None:
    first = bring(cache, mirror)
    assert (first["source"], first["changed"]) == ("release", True)
    assert first["bin"] == str(cache / f"kubernetes/{VERSION}-release/bin")
    again = bring(cache, mirror)
    assert (again["source"], again["changed"]) == ("release", False)
    assert len(mirror.asked) == 1
    assert built == []


def test_auto_is_the_newest_pinned_release_if_its_server_answers(
    cache: Path, mirror: Mirror, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = {f"v1.36.{patch}/{ARCHIVE}": mirror.sha512 for patch in (9, 10)}
    monkeypatch.setattr(candidates, "sums", lambda: pins)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    mirror.status = 404
    unanswered = bring(cache, mirror, version="auto", release_sha512="")
    assert (unanswered["source"], unanswered["version"]) == ("debian", VERSION)
    shutil.rmtree(cache)
    mirror.status, mirror.data = 200, archive("v1.36.10")
    pins |= dict.fromkeys(pins, mirror.sha512)
    answered = bring(cache, mirror, version="auto", release_sha512="")
    assert (answered["source"], answered["version"]) == ("release", "v1.36.10")
    assert built == [VERSION]


def test_auto_builds_if_no_release_answers(cache: Path, mirror: Mirror, built: list[str]) -> None:
    mirror.status = 503
    result = bring(cache, mirror)
    assert (result["source"], result["changed"]) == ("debian", True)
    assert "warnings" not in result
    assert not (cache / f"kubernetes/{VERSION}-release").exists()
    assert not bring(cache, mirror)["changed"]
    assert built == [VERSION]


@pytest.mark.usefixtures("built")
def test_auto_warns_of_a_release_with_the_wrong_checksum(cache: Path, mirror: Mirror) -> None:
    result = bring(cache, mirror, release_sha512="0" * 128)
    assert result["source"] == "debian"
    assert "has the wrong checksum" in result["warnings"][0]


def test_release_alone_fails_with_a_wrong_sum(cache: Path, mirror: Mirror) -> None:
    with pytest.raises(LabError, match="has the wrong checksum"):
        bring(cache, mirror, source="release", release_sha512="0" * 128)
    assert [path for path in (cache / "kubernetes").iterdir() if path.is_dir()] == []


def test_a_release_of_another_version_is_not_kept(cache: Path, mirror: Mirror) -> None:
    mirror.data = archive("v1.30.0")
    with pytest.raises(LabError, match=r"not of version v1\.20\.2"):
        bring(cache, mirror, source="release")
    assert not (cache / f"kubernetes/{VERSION}-release").exists()


def test_a_broken_cache_is_made_again(cache: Path, mirror: Mirror) -> None:
    folder = Path(bring(cache, mirror)["bin"])
    (folder / "kubelet").write_text("#!/bin/sh\nexit 127\n")
    result = bring(cache, mirror)
    assert result["changed"]
    assert len(mirror.asked) == 2


def test_check_mode_touches_nothing(cache: Path, mirror: Mirror, built: list[str]) -> None:
    assert bring(cache, mirror, check_mode=True)["changed"]
    assert not cache.exists()
    assert mirror.asked == built == []


def test_a_folder_of_the_users_own(cache: Path, mirror: Mirror, programs: Programs) -> None:
    folder = programs(version="v1.35.6")
    result = bring(cache, mirror, source="path", path=str(folder), version="auto")
    assert result == {
        "changed": False,
        "bin": str(folder),
        "source": "path",
        "version": "v1.35.6",
    }
    assert not cache.exists()


@pytest.mark.parametrize(
    ("found", "wanted", "message"),
    [
        ("v1.31.4", "auto", r"does not run Kubernetes v1\.31\.4"),
        ("v1.35.6", "v1.35.5", r"are v1\.35\.6, and kubernetes_version is v1\.35\.5"),
    ],
)
def test_a_folder_of_another_version(
    mirror: Mirror, programs: Programs, found: str, wanted: str, message: str
) -> None:
    folder = programs(version=found)
    with pytest.raises(LabError, match=message) as raised:
        bring(folder, mirror, source="path", path=str(folder), version=wanted)
    assert raised.value.kind is Kind.INPUT


@pytest.mark.parametrize("path", ["", "/nowhere/at/all"])
def test_a_folder_that_is_none(cache: Path, mirror: Mirror, path: str) -> None:
    with pytest.raises(LabError, match="is not a folder") as raised:
        bring(cache, mirror, source="path", path=path)
    assert raised.value.kind is Kind.INPUT


def test_programs_of_several_versions(cache: Path, mirror: Mirror, programs: Programs) -> None:
    folder = programs(kubectl="v1.19.0")
    with pytest.raises(LabError, match=r"have different versions: .*kubectl v1\.19\.0") as raised:
        bring(cache, mirror, source="path", path=str(folder))
    assert raised.value.kind is Kind.INPUT
