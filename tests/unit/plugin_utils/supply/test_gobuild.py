"""The parts of the build that need no compiler."""

import os
import tarfile
from pathlib import Path
from typing import Literal

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import gobuild, packages
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.systems import System


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("kubernetes_1.20.5+really1.20.2-1.1+deb12u1.dsc", "v1.20.2"),
        ("kubernetes_1.31.4+ds-1.dsc", "v1.31.4"),
        ("kubernetes_1.33.0-2.dsc", "v1.33.0"),
    ],
)
def test_the_version_of_a_source_package(name: str, version: str) -> None:
    gobuild.require_version([Path("x.orig.tar.gz"), Path(name)], version)
    with pytest.raises(LabError, match=r"not v1\.2\.3") as raised:
        gobuild.require_version([Path(name)], "v1.2.3")
    assert raised.value.kind is Kind.INPUT


def test_no_source_package() -> None:
    with pytest.raises(LabError, match="is missing"):
        gobuild.require_version([], "v1.20.2")


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        (System("debian-12-x86_64", "bookworm"), System("debian-12-x86_64", "bookworm")),
        (System("debian-13-aarch64", "trixie"), System("debian-12-aarch64", "bookworm")),
        (System("ubuntu-24.04-x86_64", "noble"), System("ubuntu-24.04-x86_64", "noble")),
    ],
)
def test_a_newer_debian_builds_with_what_debian_12_has(own: System, wanted: System) -> None:
    assert gobuild.building_system(own) == wanted


def test_packages_that_ask_for_openapi(tmp_path: Path) -> None:
    marked, plain = "// +k8s:openapi-gen=true\npackage x\n", "package x\n"
    for path, text in {
        "pkg/a/doc.go": marked,
        "pkg/b/doc.go": plain,
        "cmd/c/c.go": marked,
        "plugin/p.txt": marked,
        "staging/api/v1/doc.go": marked,
        "staging/sample-apiserver/doc.go": marked,
        "staging/api/code-generator/doc.go": marked,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    vendored = tmp_path / "vendor/k8s.io"
    vendored.mkdir(parents=True)
    for name in ("api", "sample-apiserver"):
        (vendored / name).symlink_to(tmp_path / "staging" / name)
    assert gobuild.openapi_packages(tmp_path) == [
        "k8s.io/kubernetes/cmd/c",
        "k8s.io/kubernetes/pkg/a",
        "k8s.io/kubernetes/vendor/k8s.io/api/v1",
    ]


def test_the_standard_library_is_not_compiled_again(tmp_path: Path) -> None:
    folders = gobuild.BuildFolders(tmp_path, tmp_path, tmp_path)
    patterns = [flag.split("=")[1] for flag in folders.flags]
    assert patterns == ["k8s.io/kubernetes/...", "k8s.io/kubernetes/vendor/..."] * 2


def test_a_build_fetches_nothing(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/go-1.19").mkdir(parents=True)
    environment = gobuild.BuildFolders(tmp_path, tmp_path, tmp_path).environment()
    assert environment["GO111MODULE"] == environment["GOPROXY"] == environment["GOENV"] == "off"


def test_the_programs_are_stamped_with_the_version() -> None:
    flags = gobuild.link_flags("v1.20.2")
    package = "k8s.io/kubernetes/vendor/k8s.io/component-base/version"
    assert flags.startswith("-s -w ")
    assert f"-X {package}.gitVersion=v1.20.2" in flags
    assert f"-X {package}.gitMinor=20" in flags


def packed(archive: Path, **files: str) -> Path:
    """An archive with these files, each under a folder of the archive's own."""
    for name, text in files.items():
        (archive.parent / name).write_text(text)
    with tarfile.open(archive, "w:xz") as tar:
        for name in files:
            tar.add(archive.parent / name, f"debian/patches/{name}")
    return archive


def test_the_source_has_debian_s_patches_on_it(tmp_path: Path) -> None:
    """Works with every Python 3.11, such as Debian 12's 3.11.2."""
    files = [
        packed(tmp_path / "k_1.orig.tar.xz", source="as upstream\n"),
        packed(tmp_path / "k_1-1.debian.tar.xz", series="first\n", first="a patch\n"),
    ]
    program = tmp_path / "toolchain/usr/bin/patch"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@" > patched\n')
    program.chmod(0o755)
    folders = gobuild.BuildFolders(tmp_path / "work", tmp_path / "compiled", tmp_path / "toolchain")
    gobuild._unpack(files, folders)
    assert (folders.tree / "patches/source").read_text() == "as upstream\n"
    patched = (folders.tree / "patched").read_text()
    assert patched.endswith(f"--input={folders.work}/packaging/debian/patches/first\n")


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w"])
def test_a_source_that_is_cut_off_is_named(
    tmp_path: Path, mode: Literal["w:gz", "w:xz", "w"]
) -> None:
    path = tmp_path / "k_1.orig.tar.x"
    (tmp_path / "file").write_bytes(os.urandom(100_000))
    with tarfile.open(path, mode) as tar:
        tar.add(tmp_path / "file", "k/file")
    path.write_bytes(path.read_bytes()[:50_000])
    folders = gobuild.BuildFolders(tmp_path / "work", tmp_path, tmp_path)
    with pytest.raises(LabError, match=r"k_1\.orig\.tar\.x can't be read"):
        gobuild._unpack([path], folders)


def test_an_interrupted_build_continues_with_what_was_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed build keeps the compiler's cache; a successful one removes it."""
    source = Path("kubernetes_1.20.2-1.dsc")
    monkeypatch.setattr(packages, "provide", lambda *_: None)
    monkeypatch.setattr(PrivateApt, "fetch_source", lambda *_: [source])
    for step in ("_unpack", "_replace_reflect2", "_generate_openapi", "_copy_packaged"):
        monkeypatch.setattr(gobuild, step, lambda *_: None)
    found: list[bool] = []

    def compiling(_version: str, folders: gobuild.BuildFolders, _into: Path) -> None:
        found.append((folders.compiled / "package").exists())
        folders.compiled.mkdir(exist_ok=True)
        (folders.compiled / "package").touch()
        if len(found) == 1:
            raise LabError("The compiler was ended.", "", Kind.STEP)

    monkeypatch.setattr(gobuild, "_compile", compiling)
    with pytest.raises(LabError, match="was ended"):
        gobuild.build("v1.20.2", tmp_path / "bin", tmp_path)
    gobuild.build("v1.20.2", tmp_path / "bin", tmp_path)
    assert found == [False, True]
    assert not (tmp_path / "go-build").exists()
