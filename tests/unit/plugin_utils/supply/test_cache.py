"""Folders of the cache: complete or missing."""

import stat
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.packages import DebSet, libraries


def test_an_entry_appears_when_it_is_complete(tmp_path: Path) -> None:
    entry = Entry(tmp_path / "things" / "key")
    with entry.made() as folder:
        assert folder
        (folder / "file").write_text("x")
        assert not entry.ready()
    assert entry.ready()
    assert (entry.path / "file").read_text() == "x"
    lock = tmp_path / "things" / ".key.lock"
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    entry = Entry(tmp_path / "key")

    def fail() -> None:
        with entry.made() as folder:
            assert folder
            (folder / "file").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not entry.ready()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_what_a_killed_run_left_is_cleared(tmp_path: Path) -> None:
    left = tmp_path / ".key.new"
    left.mkdir()
    (left / "half").write_text("x")
    with Entry(tmp_path / "key").made() as folder:
        assert folder
        assert list(folder.iterdir()) == []


def test_an_entry_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with Entry(tmp_path / "key").made() as folder:
        assert folder is None


def test_other_packages_have_another_key() -> None:
    sets = [DebSet(("a",), ("a",)), DebSet(("a", "b"), ("a",)), DebSet(("a",), ("a",), ("a -v",))]
    keys = {each.key(system) for each in sets for system in ("debian-12", "debian-13")}
    assert len(keys) == 6


def test_a_cache_that_cannot_be_written_is_an_error_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(LabError, match="file: File exists") as raised,
        Entry(tmp_path / "file" / "key").made(),
    ):
        pass
    assert raised.value.kind is Kind.MACHINE
    assert "LATIHAN_CACHE" in raised.value.hint


def test_libraries_are_found_where_debian_12_packs_them() -> None:
    first, second = libraries("/daemons").split(":")
    assert first == second.replace("/daemons/lib/", "/daemons/usr/lib/")
