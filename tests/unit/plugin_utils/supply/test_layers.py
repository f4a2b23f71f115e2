"""Image layers made of package files."""

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import Deb
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.layers import (
    Extra,
    Layer,
    kept,
    merged,
    write_layer,
)

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb isn't installed")


@pytest.fixture
def deb(tmp_path: Path) -> Deb:
    """A package with a program at its old path, a manual and a hard link."""
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        "Package: tool\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\n"
        "Description: a tool\n"
    )
    (root / "bin").mkdir()
    (root / "bin/tool").write_text("#!/bin/sh\n")
    (root / "bin/tool").chmod(0o755)
    (root / "bin/tool2").hardlink_to(root / "bin/tool")
    (root / "usr/share/man").mkdir(parents=True)
    (root / "usr/share/man/tool.1").write_text("manual")
    (root / "etc").mkdir()
    (root / "etc/tool.conf").write_text("the package's")
    path = tmp_path / "tool_1_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", root, path], check=True)
    return Deb("tool", "1", path)


LAYER = Layer(
    "base",
    merged_usr=True,
    extras=(
        Extra("directory", "/tmp", mode=0o1777),
        Extra("file", "/etc/tool.conf", "the layer's", 0o644),
        Extra("link", "/usr/bin/t", "tool"),
    ),
)


@needs_dpkg
def test_a_layer_has_what_an_image_needs(deb: Deb, tmp_path: Path) -> None:
    blob = write_layer(LAYER, [deb], set(), tmp_path / "layer.tar")
    assert blob.size == (tmp_path / "layer.tar").stat().st_size
    with tarfile.open(tmp_path / "layer.tar") as tar:
        names = tar.getnames()
        assert len(names) == len(set(names))
        assert tar.getmember("bin").linkname == "usr/bin"
        assert tar.getmember("usr/bin/tool").mode == 0o755
        assert tar.getmember("usr/bin/tool2").linkname == "usr/bin/tool"
        assert tar.getmember("usr/bin/t").issym()
        assert tar.getmember("tmp").mode == 0o1777
        assert not any(name.startswith("usr/share/man") for name in names)
        conf = tar.extractfile("etc/tool.conf")
        assert conf
        assert conf.read() == b"the layer's"


@needs_dpkg
def test_the_same_input_gives_the_same_layer(deb: Deb, tmp_path: Path) -> None:
    blobs = [write_layer(LAYER, [deb], set(), tmp_path / name) for name in ("a", "b")]
    assert blobs[0] == blobs[1]


@needs_dpkg
def test_a_broken_package_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad_1_all.deb"
    path.write_bytes(b"no package")
    with pytest.raises(LabError, match=r"bad_1_all\.deb can't be read"):
        write_layer(LAYER, [Deb("bad", "1", path)], set(), tmp_path / "layer.tar")


@pytest.mark.parametrize(
    ("path", "place"),
    [("bin/sh", "usr/bin/sh"), ("lib64", "usr/lib64"), ("usr/bin/x", "usr/bin/x"), ("etc", "etc")],
)
def test_merged_places(path: str, place: str) -> None:
    assert merged(path) == place


@pytest.mark.parametrize(
    ("path", "is_kept"),
    [
        ("usr/share/doc/bash/copyright", True),
        ("usr/share/doc/bash/README", False),
        ("usr/share/locale/id/x.mo", False),
        ("usr/lib/x86_64-linux-gnu/gconv/X.so", False),
        ("lib/systemd/system/x.service", False),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", True),
        ("etc/nginx/nginx.conf", True),
    ],
)
def test_what_an_image_has_no_use_for(path: str, is_kept: bool) -> None:
    assert kept(path) is is_kept


def test_patterns_choose_packages() -> None:
    layer = Layer("web", only=("nginx*", "libssl*"), exclude=("nginx-doc",))
    chosen = [name for name in ("nginx", "nginx-doc", "libssl3", "curl") if layer.wants(name)]
    assert chosen == ["nginx", "libssl3"]


def test_a_program_of_this_machine_is_copied(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    layer = Layer("copied", extras=(Extra("copy", "/opt/program", str(program), 0o755, "digest"),))
    write_layer(layer, [], set(), tmp_path / "layer.tar")
    with tarfile.open(tmp_path / "layer.tar") as tar:
        assert tar.getnames() == ["opt", "opt/program"]
        copied = tar.extractfile("opt/program")
        assert copied is not None
        assert copied.read() == b"\x7fELF"
        assert tar.getmember("opt/program").mode == 0o755
