"""Kubernetes from Debian's source package, with Debian's Go compiler.

Why the steps are what they are:

- The package has the whole upstream tree, with its dependencies in ``vendor/``, so nothing else is
  downloaded, and ``GOPROXY=off`` sees to it. It is built the old way, in a GOPATH
  (``GO111MODULE=off``).
- ``pkg/generated/openapi`` is missing in the tree; its generator is in ``vendor/``.
- ``vendor/`` has ``modern-go/reflect2`` 1.0.1, which crashes if compiled with Go 1.18 or newer;
  Debian packages 1.0.2.
- In a GOPATH the version is stamped into packages under ``k8s.io/kubernetes/vendor``.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.common.streaming import stream
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import archives, packages
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import apt_for
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.binaries import NAMES
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.preflight import available_memory
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.systems import System

_REFLECT2 = "golang-github-modern-go-reflect2-dev"
# Debian 12, the only one whose source package the lab can build.
_BOOKWORM = "bookworm"
# It has kubectl, built from the same source.
_CLIENT = "kubernetes-client"
TOOLCHAIN = packages.DebSet(
    ("golang-go", "patch", _REFLECT2, _CLIENT), ("golang-*", "patch", _CLIENT)
)
_PACKAGED = ("kubectl",)
_TREE = "src/k8s.io/kubernetes"
_PACKAGE = "k8s.io/kubernetes"
_STAMPED = (
    f"{_PACKAGE}/vendor/k8s.io/component-base/version",
    f"{_PACKAGE}/vendor/k8s.io/client-go/pkg/version",
)
# With Docker's code a kubelet asks for Docker's folder five times, a second apart, before it starts
# (cadvisor: container/docker/factory.go, RootDir).
_TAGS = "providerless,dockerless"
# In a GOPATH `go list` calls every package stale that isn't installed, even if it is compiled.
_TO_COMPILE = (
    '{{if and .Stale (ne .StaleReason "not installed but available in build cache")}}'
    "{{.ImportPath}}{{end}}"
)
_OPENAPI_TAG = b"+k8s:openapi-gen="
_NO_OPENAPI = frozenset({"code-generator", "sample-apiserver"})
# With less frequent garbage collection the compiler is a fifth faster, but needs this much memory.
_PLENTY_OF_MEMORY = 6 * 1024**3
_MINUTES = 60.0


@dataclass(frozen=True)
class BuildFolders:
    """The folders of a build.

    Each build starts with an empty ``work``. ``compiled`` is the compiler's cache, which lets an
    interrupted build continue where it stopped. A successful build removes both.
    """

    work: Path
    compiled: Path
    toolchain: Path

    @property
    def gopath(self) -> Path:
        """The GOPATH."""
        return self.work / "gopath"

    @property
    def tree(self) -> Path:
        """The source tree."""
        return self.gopath / _TREE

    @property
    def flags(self) -> list[str]:
        """Flags for compiling: no debug data, and no folder of this build in stack traces.

        Flags for all packages (``-trimpath``, ``-gcflags=all=``) would have the standard library
        compiled again, of which the toolchain's package has most.
        """
        trimmed = f"'-trimpath={self.gopath}/src'"
        return [
            f"-{program}={_PACKAGE}/{below}...={flags}"
            for program, flags in (("gcflags", f"-dwarf=false {trimmed}"), ("asmflags", trimmed))
            # "..." matches no folder that is called vendor (`go help packages`).
            for below in ("", "vendor/")
        ]

    def environment(self) -> dict[str, str]:
        """The environment of the Go tools, without the user's own Go settings."""
        goroot = next((self.toolchain / "usr/lib").glob("go-*"))
        return {
            "PATH": f"{goroot}/bin:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.work),
            "TMPDIR": str(self.work),
            "GOROOT": str(goroot),
            # What stack traces call that folder.
            "GOROOT_FINAL": "go",
            "GOPATH": str(self.gopath),
            "GOCACHE": str(self.compiled),
            "GOENV": "off",
            "GO111MODULE": "off",
            "GOPROXY": "off",
            "GOFLAGS": "",
            "CGO_ENABLED": "0",
            **({"GOGC": "400"} if available_memory() > _PLENTY_OF_MEMORY else {}),
        }


def build(version: str, into: Path, cache: Path) -> None:
    """Build the programs, or take them from a package that has them built.

    Args:
        version: the version that the source must have, such as ``v1.20.2``.
        into: an existing folder for the programs.
        cache: the lab's cache; it has the toolchain and the compiler's cache during the build.

    Raises:
        LabError: the source has another version, or a step failed.
    """
    with prepared(version, cache) as folders:
        _generate_openapi(folders)
        _compile(version, folders, into)
        _copy_packaged(folders, into)


@contextmanager
def prepared(version: str, cache: Path) -> Iterator[BuildFolders]:
    """Fetch the compiler and the source, and make the source ready to be compiled.

    Args:
        version: the version that the source must have.
        cache: the lab's cache.

    Yields:
        The folders of the build. They are removed afterwards, unless the caller fails.

    Raises:
        LabError: the source has another version, or a step failed.
    """
    system = building_system(System.own())
    apt = apt_for(cache, system)
    toolchain = Entry(cache / "golang" / TOOLCHAIN.key(system.name))
    packages.provide(TOOLCHAIN, toolchain, apt)
    folders = BuildFolders(cache / "kubernetes" / ".work", cache / "go-build", toolchain.path)
    shutil.rmtree(folders.work, ignore_errors=True)
    steps = Progress("sources prepared", 3, interval=0)
    with apt.locked():
        files = apt.fetch_source("kubernetes", folders.work / "source")
    require_version(files, version)
    steps.advance()
    _unpack(files, folders)
    steps.advance()
    _replace_reflect2(folders)
    steps.advance()
    yield folders
    for folder in (folders.work, folders.compiled, cache / "golang"):
        shutil.rmtree(folder, ignore_errors=True)


def building_system(own: System) -> System:
    """The system that the source and the compiler are fetched for.

    A newer Debian's archive has Debian 12 too; the compiler is taken from there as well, since the
    source was tried with no other.
    """
    newer = own.distribution == "debian" and own.codename != _BOOKWORM
    return System(f"debian-12-{own.processor}", _BOOKWORM) if newer else own


def require_version(files: Sequence[Path], version: str) -> None:
    """Raise a LabError unless the source package has that version.

    After going back to an older version, Debian writes ``NEWER+reallyOLDER``.
    """
    name = next((path.name for path in files if path.suffix == ".dsc"), "")
    found = re.search(r"_(?:[0-9]+:)?(?:[^_]*really)?([0-9]+(?:\.[0-9]+)+)[^_]*\.dsc$", name)
    if not found or f"v{found[1]}" != version:
        raise LabError(
            f"This system's source package of Kubernetes is {name or 'missing'}, not {version}.",
            "Set kubernetes_source to release or path.",
            Kind.INPUT,
        )


def _unpack(files: Sequence[Path], folders: BuildFolders) -> None:
    """Unpack the upstream tree and apply Debian's patches."""
    packaging = folders.work / "packaging"
    for part, into, strip in ((".orig.tar.", folders.tree, 1), (".debian.tar.", packaging, 0)):
        into.mkdir(parents=True)
        archive = next(path for path in files if part in path.name)
        with archives.opened(archive) as source:
            archives.extract(source, into, archives.Guard(), strip=strip)
    patches = packaging / "debian" / "patches"
    for name in (patches / "series").read_text(encoding="utf-8").split():
        run(
            [
                str(folders.toolchain / "usr/bin/patch"),
                "--strip=1",
                "--quiet",
                "--force",
                f"--input={patches / name}",
            ],
            cwd=folders.tree,
        )


def _replace_reflect2(folders: BuildFolders) -> None:
    vendored = folders.tree / "vendor/github.com/modern-go/reflect2"
    shutil.rmtree(vendored)
    shutil.copytree(
        folders.toolchain / "usr/share/gocode/src/github.com/modern-go/reflect2", vendored
    )


def _generate_openapi(folders: BuildFolders) -> None:
    """Generate pkg/generated/openapi for all packages that ask for it."""
    generator = folders.work / "openapi-gen"
    package = "./vendor/k8s.io/kube-openapi/cmd/openapi-gen"
    go(folders, ["build", *folders.flags, f"-o={generator}", package])
    run(
        [
            str(generator),
            f"--input-dirs={','.join(openapi_packages(folders.tree))}",
            f"--output-package={_PACKAGE}/pkg/generated/openapi",
            "--output-file-base=zz_generated.openapi",
            f"--go-header-file={folders.tree}/vendor/k8s.io/code-generator/hack/boilerplate.go.txt",
            f"--report-filename={folders.work}/violations",
        ],
        timeout=5 * _MINUTES,
        env=folders.environment(),
        cwd=folders.tree,
    )


def openapi_packages(tree: Path) -> list[str]:
    """Import paths of the packages that have a ``+k8s:openapi-gen=`` tag, sorted."""
    found = set()
    for folder in _openapi_folders(tree):
        for path in sorted(folder.glob("*.go")):
            if _OPENAPI_TAG in path.read_bytes():
                found.add(f"{_PACKAGE}/{folder.relative_to(tree)}")
                break
    return sorted(found)


def _openapi_folders(tree: Path) -> Iterator[Path]:
    for top in ("pkg", "cmd", "plugin", "vendor/k8s.io"):
        # The folders in vendor/k8s.io are links into staging/.
        for folder, below, _ in os.walk(tree / top, followlinks=True):
            below[:] = sorted(set(below) - _NO_OPENAPI)
            yield Path(folder)


def _compile(version: str, folders: BuildFolders, into: Path) -> None:
    """One ``go build`` for all programs but those that a package has."""
    commands = [f"./cmd/{name}" for name in NAMES if name not in _PACKAGED]
    compile_packages(
        folders, commands, f"-tags={_TAGS}", f"-ldflags={link_flags(version)}", f"-o={into}/"
    )


def _copy_packaged(folders: BuildFolders, into: Path) -> None:
    for name in _PACKAGED:
        shutil.copy(folders.toolchain / "usr/bin" / name, into / name)


def compile_packages(folders: BuildFolders, packages: Sequence[str], *flags: str) -> None:
    """Compile packages and all that they import; those in the compiler's cache are skipped.

    Args:
        folders: the folders of the build, with the source prepared.
        packages: their paths, as in ``./cmd/kubelet``.
        flags: further flags of ``go build``.

    Raises:
        LabError: one can't be compiled.
    """
    tags = [flag for flag in flags if flag.startswith("-tags=")]
    listing = ["list", *folders.flags, *tags, "-deps", f"-f={_TO_COMPILE}", *packages]
    stale = go(folders, listing).split()
    progress = Progress("packages compiled", len(stale))

    def see(line: str) -> None:
        if re.fullmatch(r"[\w.~/-]+", line):
            progress.advance(min(progress.done + 1, progress.total))

    _stream(folders, ["build", "-v", *folders.flags, *flags, *packages], see)
    progress.advance(progress.total)


def compile_test(folders: BuildFolders, package: str, *flags: str) -> None:
    """Compile the test binary of a package; the compiler doesn't say how far it is.

    Args:
        folders: the folders of the build, with the source prepared.
        package: its path, as in ``./test/e2e``.
        flags: further flags of ``go test``.

    Raises:
        LabError: it can't be compiled.
    """
    _stream(folders, ["test", "-c", *folders.flags, *flags, package], lambda line: None)


def _stream(folders: BuildFolders, arguments: Sequence[str], see: Callable[[str], None]) -> None:
    """Run a Go tool that takes minutes; LabError with its last line if it fails."""
    try:
        stream(["go", *arguments], see, env=folders.environment(), cwd=folders.tree, contain=True)
    except LabError as error:
        if error.kind is Kind.MACHINE:
            raise
        lines = [line for line in error.detail.splitlines() if line.strip()]
        raise LabError(
            f"Kubernetes can't be built: {lines[-1] if lines else error.message}",
            "Run it again: it continues where it stopped.",
            detail=error.detail,
        ) from error


def link_flags(version: str) -> str:
    """Flags for the linker: no debug data, and the version that the programs print."""
    major, minor = version.removeprefix("v").split(".")[:2]
    stamps = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "debian",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    stamped = [
        f"-X {package}.{name}={value}" for package in _STAMPED for name, value in stamps.items()
    ]
    return " ".join(["-s", "-w", *stamped])


def go(folders: BuildFolders, arguments: Sequence[str]) -> str:
    """Run a Go tool in the source tree; returns what it prints."""
    return run(
        ["go", *arguments], timeout=5 * _MINUTES, env=folders.environment(), cwd=folders.tree
    ).stdout
