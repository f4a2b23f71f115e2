"""Archives that want to get out of their folder."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import archives, packages
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import Deb
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.binaries import NAMES
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.layers import (
    Extra,
    Layer,
    write_layer,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.release import Release, fetch

from .conftest import VERSION, Mirror, archive, script

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb isn't installed")


@dataclass(frozen=True)
class Member:
    """A member of an archive; ``target`` is that of a link."""

    name: str
    type: bytes = tarfile.REGTYPE
    target: str = ""
    mode: int = 0o644


def tar(*members: Member) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for each in members:
            member = tarfile.TarInfo(each.name)
            member.type, member.linkname, member.mode = each.type, each.target, each.mode
            member.uid = member.gid = 1234
            member.size = 4 if member.isreg() else 0
            archive.addfile(member, io.BytesIO(b"evil"))
    return data.getvalue()


def link(name: str, target: str) -> Member:
    return Member(name, tarfile.SYMTYPE, target)


EVIL = {
    "leads outside": [
        [Member("../out")],
        [Member("a/../../out")],
        [Member("/OUT/out")],
        [Member("hard", tarfile.LNKTYPE, "/OUT/there")],
        [Member("hard", tarfile.LNKTYPE, "../there")],
    ],
    "lies below a link": [
        [link("l", "/OUT"), Member("l/out")],
        [link("l", ".."), Member("l/out")],
        [link("a/l", "/OUT"), Member("./a/l/deeper/out")],
        [link("l", "/OUT"), Member("hard", tarfile.LNKTYPE, "l/there")],
        [link("l", "/OUT"), Member("m", tarfile.LNKTYPE, "l"), Member("m/out")],
        [link("l", "/OUT"), Member("l", tarfile.DIRTYPE, mode=0o755), Member("l/out")],
    ],
    "is neither a file nor a directory nor a link": [
        [Member("disk", tarfile.BLKTYPE, mode=0o666)],
        [Member("null", tarfile.CHRTYPE)],
        [Member("pipe", tarfile.FIFOTYPE)],
    ],
}
CASES = [(members, why) for why, each in EVIL.items() for members in each]


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Callable[[list[Member]], list[Member]]]:
    """A folder to unpack in, and what puts the path of its neighbour for OUT."""
    (tmp_path / "OUT").mkdir()
    (tmp_path / "OUT/there").write_text("mine")
    (tmp_path / "in").mkdir()

    def placed(members: list[Member]) -> list[Member]:
        out = str(tmp_path / "OUT")
        return [
            Member(m.name.replace("/OUT", out), m.type, m.target.replace("/OUT", out), m.mode)
            for m in members
        ]

    return tmp_path / "in", placed


Place = tuple[Path, Callable[[list[Member]], list[Member]]]


def assert_nothing_outside(into: Path) -> None:
    out = into.parent / "OUT"
    assert [path.name for path in out.iterdir()] == ["there"]
    assert (out / "there").stat().st_nlink == 1
    assert not (into.parent / "out").exists()


@pytest.mark.parametrize(("members", "why"), CASES)
def test_an_archive_stays_in_its_folder(place: Place, members: list[Member], why: str) -> None:
    into, placed = place
    data = io.BytesIO(tar(*placed(members)))
    with tarfile.open(fileobj=data) as source, pytest.raises(LabError, match=why):
        archives.extract(source, into, archives.Guard())
    assert_nothing_outside(into)


def test_what_one_archive_made_helps_no_other(place: Place) -> None:
    into, placed = place
    guard = archives.Guard()
    with tarfile.open(fileobj=io.BytesIO(tar(*placed([link("l", "/OUT")])))) as source:
        archives.extract(source, into, guard)
    with (
        tarfile.open(fileobj=io.BytesIO(tar(Member("l/out")))) as source,
        pytest.raises(LabError, match="lies below a link"),
    ):
        archives.extract(source, into, guard)
    assert_nothing_outside(into)


def test_folders_that_are_left_off_hide_no_link(place: Place) -> None:
    into, placed = place
    data = tar(*placed([link("a/l", "/OUT"), Member("b/l/out")]))
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as source,
        pytest.raises(LabError, match="lies below a link"),
    ):
        archives.extract(source, into, archives.Guard(), strip=1)
    assert_nothing_outside(into)


def test_what_is_unpacked_is_root_s_and_gives_nobody_rights(place: Place) -> None:
    into, _ = place
    members = [
        Member("top/d", tarfile.DIRTYPE, mode=0o2777),
        Member("top/d/su", mode=0o6777),
        Member("top/hard", tarfile.LNKTYPE, "top/d/su", mode=0o6777),
        link("top/abroad", "/etc/ssl"),
    ]
    with tarfile.open(fileobj=io.BytesIO(tar(*members))) as source:
        archives.extract(source, into, archives.Guard(), strip=1)
    assert {path.name: path.lstat().st_mode & 0o7777 for path in into.rglob("*")} == {
        "d": 0o755,
        "su": 0o755,
        "hard": 0o755,
        "abroad": 0o777,
    }
    assert {path.lstat().st_uid for path in into.rglob("*")} == {into.stat().st_uid}
    assert (into / "hard").read_text() == "evil"


def deb(path: Path, members: list[Member]) -> Deb:
    """A package file of these members (deb(5): an ar archive of three files)."""
    control = io.BytesIO()
    with tarfile.open(fileobj=control, mode="w") as inner:
        text = b"Package: evil\nVersion: 1\nArchitecture: all\n"
        info = tarfile.TarInfo("./control")
        info.size = len(text)
        inner.addfile(info, io.BytesIO(text))
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar": control.getvalue(),
        "data.tar": tar(*members),
    }
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, data in parts.items():
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode())
            file.write(data + b"\n" * (len(data) % 2))
    return Deb("evil", "1", path)


@needs_dpkg
@pytest.mark.parametrize(("members", "why"), CASES)
def test_a_package_stays_in_its_folder(place: Place, members: list[Member], why: str) -> None:
    into, placed = place
    evil = deb(into.parent / "evil.deb", placed(members))
    with pytest.raises(LabError, match=why):
        packages.unpack([evil], into)
    with pytest.raises(LabError, match=why):
        write_layer(Layer("l"), [evil], set(), into.parent / "layer.tar")
    assert_nothing_outside(into)


def test_what_a_layer_lists_stays_in_the_image(tmp_path: Path) -> None:
    layer = Layer("l", extras=(Extra("file", "/etc/../../out", "evil"),))
    with pytest.raises(LabError, match="leads outside"):
        write_layer(layer, [], set(), tmp_path / "layer.tar")


@needs_dpkg
def test_a_program_of_an_image_gives_nobody_rights(tmp_path: Path) -> None:
    whole = deb(tmp_path / "su.deb", [Member("usr/bin/su", mode=0o6755)])
    write_layer(Layer("l"), [whole], set(), tmp_path / "layer.tar")
    with tarfile.open(tmp_path / "layer.tar") as layer:
        assert layer.getmember("usr/bin/su").mode == 0o755


def test_a_release_writes_the_programs_alone(mirror: Mirror, tmp_path: Path) -> None:
    """Members with the right checksum and wrong intentions; of each name the last one counts."""
    data = io.BytesIO()
    where = "kubernetes/server/bin/"
    with (
        tarfile.open(fileobj=io.BytesIO(archive())) as good,
        tarfile.open(fileobj=data, mode="w:gz") as evil,
    ):
        for name in (f"{where}../../../../out", "/out", f"{where}kubelet/out", f"x/{where}kubelet"):
            member = tarfile.TarInfo(name)
            member.size = 4
            evil.addfile(member, io.BytesIO(b"evil"))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            member = tarfile.TarInfo(f"{where}kubelet")
            member.type, member.linkname = kind, str(tmp_path / "out")
            evil.addfile(member)
        for member in good:
            member.mode = 0o6777
            evil.addfile(member, good.extractfile(member))
    mirror.data = data.getvalue()
    into = tmp_path / "in"
    into.mkdir()
    fetch(Release(mirror.url, VERSION, mirror.sha512), into, answer=4, limit=20)
    assert sorted(path.name for path in into.iterdir()) == sorted(NAMES)
    assert {path.lstat().st_mode & 0o7777 for path in into.iterdir()} == {0o755}
    assert {path.read_text() for path in into.iterdir()} >= {script("kubelet", VERSION)}
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
