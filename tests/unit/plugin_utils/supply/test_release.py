"""The official release, from a server on loopback."""

import time
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.binaries import NAMES
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.release import (
    Release,
    UnansweredError,
    fetch,
)

from .conftest import VERSION, Mirror

ARCHIVE = f"{VERSION}/kubernetes-server-linux-amd64.tar.gz"


def release(mirror: Mirror, sha512: str = "") -> Release:
    return Release(f"{mirror.url}/", ARCHIVE, sha512 or mirror.sha512)


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_programs_come_out_and_nothing_else(mirror: Mirror, tmp_path: Path) -> None:
    fetch(release(mirror), tmp_path, answer=4, limit=20)
    assert contents(tmp_path) == sorted(NAMES)
    assert (tmp_path / "kubelet").stat().st_mode & 0o777 == 0o755
    assert mirror.asked == [f"/{ARCHIVE}"]


def test_a_wrong_checksum_leaves_nothing(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="has the wrong checksum") as raised:
        fetch(release(mirror, "0" * 128), tmp_path, answer=4, limit=20)
    assert mirror.sha512 in raised.value.detail
    assert contents(tmp_path) == []


def test_a_broken_download_leaves_nothing(mirror: Mirror, tmp_path: Path) -> None:
    expected = release(mirror)
    mirror.cut = True
    with pytest.raises(LabError, match="broke off"):
        fetch(expected, tmp_path, answer=4, limit=20)
    assert contents(tmp_path) == []


def test_a_page_in_place_of_an_archive(mirror: Mirror, tmp_path: Path) -> None:
    mirror.data = b"<html>Please log in</html>"
    with pytest.raises(LabError, match="broke off"):
        fetch(release(mirror), tmp_path, answer=4, limit=20)
    assert contents(tmp_path) == []


def test_no_answer_is_given_up_soon(mirror: Mirror, tmp_path: Path) -> None:
    mirror.delay = 5
    started = time.monotonic()
    with pytest.raises(UnansweredError, match=r"does not answer|can't be downloaded"):
        fetch(release(mirror), tmp_path, answer=0.3, limit=20)
    assert time.monotonic() - started < 3


def test_a_release_that_is_not_there(mirror: Mirror, tmp_path: Path) -> None:
    mirror.status = 404
    with pytest.raises(UnansweredError, match="can't be downloaded"):
        fetch(release(mirror), tmp_path, answer=4, limit=20)


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(UnansweredError, match="can't be downloaded"):
        fetch(Release("http://127.0.0.1:9", ARCHIVE, "0"), tmp_path, answer=4, limit=20)


def test_a_download_that_takes_too_long(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="takes too long"):
        fetch(release(mirror), tmp_path, answer=4, limit=0)
    assert contents(tmp_path) == []
