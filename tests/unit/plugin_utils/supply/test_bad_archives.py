"""The private apt with the real apt-get, and an archive on loopback that answers wrongly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import apt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt
from tests import archive
from tests.archive import PACKAGE, Archive, Fault

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is not installed")
SETTINGS = 'Acquire::Retries "0"; Acquire::http::Timeout "1"; Acquire::http::Proxy "DIRECT";'


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """An archive that is the machine's only package source."""
    (tmp_path / "settings").write_text(SETTINGS)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "settings"))
    with archive.up(archive.made(tmp_path)) as serving:
        monkeypatch.setattr(apt, "_machine_sources", lambda: {"a.list": serving.source})
        yield serving


def fetched(private: PrivateApt) -> list[bytes]:
    with private.locked():
        return [deb.path.read_bytes() for deb in private.fetch([PACKAGE])]


def debs(private: PrivateApt) -> list[str]:
    return [path.name for path in private.archives.iterdir() if path.is_file()]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault.PAGE, "unexpected size"),
        (Fault.ERROR, "500  Internal Server Error"),
        (Fault.HALF, "Failed to fetch"),
        (Fault.SHORT, "unexpected size"),
        (Fault.OTHER, "Hash Sum mismatch"),
    ],
)
def test_a_package_is_complete_or_absent(
    served: Archive, tmp_path: Path, fault: Fault, why: str
) -> None:
    private = PrivateApt(tmp_path / "apt")
    served.fault = fault
    with pytest.raises(LabError, match=why) as raised:
        fetched(private)
    assert "mirror" in raised.value.hint
    assert debs(private) == []
    served.fault = None
    assert fetched(private) == [served.files[f"/{PACKAGE}_1_all.deb"]]
    assert [path.name for path in private.archives.iterdir() if path.is_dir()] == ["partial"]


@pytest.mark.parametrize(
    ("fault", "why"),
    [(Fault.PAGE, "unexpected size"), (Fault.ERROR, "500  Internal Server Error")],
)
def test_lists_that_can_not_be_fetched(
    served: Archive, tmp_path: Path, fault: Fault, why: str
) -> None:
    private = PrivateApt(tmp_path / "apt")
    served.fault, served.where = fault, "/Packages"
    with pytest.raises(LabError, match=f"package lists can't be fetched.*{why}") as raised:
        fetched(private)
    assert raised.value.kind is Kind.MACHINE
    served.fault = None
    assert len(fetched(private)) == 1


def test_a_slow_archive_is_waited_for(served: Archive, tmp_path: Path) -> None:
    served.fault = Fault.SLOW
    assert len(fetched(PrivateApt(tmp_path / "apt"))) == 1
