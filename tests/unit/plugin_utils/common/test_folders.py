"""Folders whose contents are secret, or are run as root: who may enter and fill them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import (
    make_private,
    require_own,
)

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_private_folder_is_its_owners_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "new")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    make_private(tmp_path / "open")
    for name in ("new", "open"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o1755])
def test_a_folder_that_only_its_owner_fills_is_fine(tmp_path: Path, mode: int) -> None:
    require_own(tmp_path / "not there" / "yet")
    tmp_path.chmod(mode)
    require_own(tmp_path)


@as_root
@pytest.mark.parametrize(
    ("owner", "group", "mode", "said"),
    [
        (NOBODY, 0, 0o755, "belongs to the user with the number 65534"),
        (0, 0, 0o777, "can be written by other users"),
        (0, 0, 0o1777, "can be written by other users"),
        (0, NOBODY, 0o775, "can be written by other users"),
        (0, 0, 0o775, ""),
    ],
)
def test_a_folder_that_others_may_fill_is_refused(
    tmp_path: Path, owner: int, group: int, mode: int, said: str
) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    os.chown(folder, owner, group)
    folder.chmod(mode)
    if not said:
        require_own(folder)
        return
    with pytest.raises(LabError, match=said) as refused:
        require_own(folder)
    assert refused.value.kind is Kind.MACHINE
    assert stat.S_IMODE(folder.stat().st_mode) == mode
