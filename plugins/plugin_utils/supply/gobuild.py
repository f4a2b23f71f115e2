"""Kubernetes from Debian's source package, with Debian's Go compiler.

Facts that the steps rest on:

- The package holds the whole upstream tree with what it needs in ``vendor/``, so nothing else is
  fetched. It is built the old way, in a GOPATH (``GO111MODULE=off``).
- ``pkg/generated/openapi`` isn't part of the tree; its generator is in ``vendor/``.
- ``modern-go/reflect2`` 1.0.1, which is in ``vendor/``, crashes when it is compiled with Go 1.18 or
  newer; Debian packages 1.0.2.
- In a GOPATH the version stamps belong to packages under ``k8s.io/kubernetes/vendor``.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.common.streaming import stream
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import packages
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.binaries import NAMES
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.preflight import available_memory

_REFLECT2 = "golang-github-modern-go-reflect2-dev"
TOOLCHAIN = packages.DebSet(("golang-go", "patch", _REFLECT2), ("golang-*", "patch"))
_TREE = "src/k8s.io/kubernetes"
_PACKAGE = "k8s.io/kubernetes"
_STAMPED = (
    f"{_PACKAGE}/vendor/k8s.io/component-base/version",
    f"{_PACKAGE}/vendor/k8s.io/client-go/pkg/version",
)
_TAGS = "providerless"
# In a GOPATH `go list` calls every package stale that isn't installed, compiled or not.
_TO_COMPILE = (
    '{{if ne .StaleReason "not installed but available in build cache"}}{{.ImportPath}}{{end}}'
)
_OPENAPI_MARK = b"+k8s:openapi-gen="
_NO_OPENAPI = frozenset({"code-generator", "sample-apiserver"})
# A compiler that collects garbage less often is a fifth faster; it needs the memory for it.
_ROOMY = 6 * 1024**3
_MINUTES = 60.0


@dataclass(frozen=True)
class Workshop:
    """The folders of a build.

    ``work`` is deleted and made anew by each build; ``compiled`` is the compiler's own cache, with
    which an interrupted build goes on where it was. Both are gone after a good build.
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

    def environment(self) -> dict[str, str]:
        """The environment of the Go tools; the user's own Go settings play no part."""
        goroot = next((self.toolchain / "usr/lib").glob("go-*"))
        roomy = available_memory() > _ROOMY
        return {
            "PATH": f"{goroot}/bin:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.work),
            "TMPDIR": str(self.work),
            "GOROOT": str(goroot),
            "GOPATH": str(self.gopath),
            "GOCACHE": str(self.compiled),
            "GOENV": "off",
            "GO111MODULE": "off",
            "GOFLAGS": "",
            "CGO_ENABLED": "0",
            **({"GOGC": "400"} if roomy else {}),
        }


def build(version: str, into: Path, cache: Path) -> None:
    """Build the seven programs.

    Args:
        version: the version that the source must have, such as ``v1.20.2``.
        into: an existing folder for the programs.
        cache: the lab's cache, in which toolchain and compiler cache are while this goes on.

    Raises:
        LabError: the source is another version, or a step failed.
    """
    apt = PrivateApt(cache / "apt")
    toolchain = Entry(cache / "golang" / TOOLCHAIN.key(packages.system_name()))
    packages.provide(TOOLCHAIN, toolchain, apt)
    shop = Workshop(cache / "kubernetes" / ".work", cache / "go-build", toolchain.path)
    shutil.rmtree(shop.work, ignore_errors=True)
    steps = Progress("sources prepared", 4, interval=0)
    with apt.locked():
        files = apt.fetch_source("kubernetes", shop.work / "source")
    require_version(files, version)
    steps.advance()
    _unpack(files, shop)
    steps.advance()
    _replace_reflect2(shop)
    steps.advance()
    _generate_openapi(shop)
    steps.advance()
    _compile(version, shop, into)
    for folder in (shop.work, shop.compiled, cache / "golang"):
        shutil.rmtree(folder, ignore_errors=True)


def require_version(files: Sequence[Path], version: str) -> None:
    """Raise a LabError unless the source package is of that version.

    Debian writes a version that went back as ``NEWER+reallyREAL``.
    """
    name = next((path.name for path in files if path.suffix == ".dsc"), "")
    found = re.search(r"_(?:[0-9]+:)?(?:[^_]*really)?([0-9]+(?:\.[0-9]+)+)[^_]*\.dsc$", name)
    if not found or f"v{found[1]}" != version:
        raise LabError(
            f"This system's source package of Kubernetes is {name or 'missing'}, not {version}.",
            "Set kubernetes_source to release or path.",
            Kind.INPUT,
        )


def _unpack(files: Sequence[Path], shop: Workshop) -> None:
    """The upstream tree with Debian's patches on it."""
    shop.tree.mkdir(parents=True)
    # By tar: of Python 3.11, tarfile is safe with others' archives from 3.11.4 on only.
    for part, options in [
        (".orig.tar.", [f"--directory={shop.tree}", "--strip-components=1"]),
        (".debian.tar.", [f"--directory={shop.work}"]),
    ]:
        archive = next(path for path in files if part in path.name)
        run(["tar", "--extract", f"--file={archive}", "--no-same-owner", *options], timeout=300)
    patches = shop.work / "debian" / "patches"
    for name in (patches / "series").read_text(encoding="utf-8").split():
        run(
            [
                str(shop.toolchain / "usr/bin/patch"),
                "--strip=1",
                "--quiet",
                "--force",
                f"--input={patches / name}",
            ],
            cwd=shop.tree,
        )


def _replace_reflect2(shop: Workshop) -> None:
    vendored = shop.tree / "vendor/github.com/modern-go/reflect2"
    shutil.rmtree(vendored)
    shutil.copytree(shop.toolchain / "usr/share/gocode/src/github.com/modern-go/reflect2", vendored)


def _generate_openapi(shop: Workshop) -> None:
    """Write pkg/generated/openapi for all packages that ask for it."""
    generator = shop.work / "openapi-gen"
    package = "./vendor/k8s.io/kube-openapi/cmd/openapi-gen"
    _go(shop, ["build", f"-o={generator}", package], timeout=5 * _MINUTES)
    run(
        [
            str(generator),
            f"--input-dirs={','.join(openapi_packages(shop.tree))}",
            f"--output-package={_PACKAGE}/pkg/generated/openapi",
            "--output-file-base=zz_generated.openapi",
            f"--go-header-file={shop.tree}/vendor/k8s.io/code-generator/hack/boilerplate.go.txt",
            f"--report-filename={shop.work}/violations",
        ],
        timeout=5 * _MINUTES,
        env=shop.environment(),
        cwd=shop.tree,
    )


def openapi_packages(tree: Path) -> list[str]:
    """Import paths of the packages with a ``+k8s:openapi-gen=`` mark, sorted."""
    found = set()
    for folder in _openapi_folders(tree):
        for path in sorted(folder.glob("*.go")):
            if _OPENAPI_MARK in path.read_bytes():
                found.add(f"{_PACKAGE}/{folder.relative_to(tree)}")
                break
    return sorted(found)


def _openapi_folders(tree: Path) -> Iterator[Path]:
    for top in ("pkg", "cmd", "plugin", "vendor/k8s.io"):
        # The folders in vendor/k8s.io are links to those in staging/.
        for folder, below, _ in os.walk(tree / top, followlinks=True):
            below[:] = sorted(set(below) - _NO_OPENAPI)
            yield Path(folder)


def _compile(version: str, shop: Workshop, into: Path) -> None:
    """One ``go build`` for all programs; packages in the compiler's cache aren't compiled again."""
    # Without the folder it was built in, which is nobody's business in a stack trace.
    flags = [f"-tags={_TAGS}", "-trimpath", "-gcflags=all=-dwarf=false"]
    commands = [f"./cmd/{name}" for name in NAMES]
    stale = _go(
        shop,
        ["list", *flags, "-deps", f"-f={_TO_COMPILE}", *commands],
        timeout=5 * _MINUTES,
    ).split()
    progress = Progress("packages compiled", len(stale))

    def see(line: str) -> None:
        if re.fullmatch(r"[\w.~/-]+", line):
            progress.advance(min(progress.done + 1, progress.total))

    argv = ["go", "build", "-v", *flags, f"-ldflags={link_flags(version)}", f"-o={into}/"]
    try:
        stream([*argv, *commands], see, env=shop.environment(), cwd=shop.tree, contain=True)
    except LabError as error:
        said = [line for line in error.detail.splitlines() if line.strip()]
        raise LabError(
            f"Kubernetes can't be built: {said[-1] if said else error.message}",
            "Run it again: it goes on where it was. A compiler that is killed wants more memory.",
            detail=error.detail,
        ) from error
    progress.advance(progress.total)


def link_flags(version: str) -> str:
    """Flags for the linker: no debug data, and the version that the programs tell."""
    major, minor = version.removeprefix("v").split(".")[:2]
    stamps = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "debian",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    set_ = [
        f"-X {package}.{name}={value}" for package in _STAMPED for name, value in stamps.items()
    ]
    return " ".join(["-s", "-w", *set_])


def _go(shop: Workshop, arguments: Sequence[str], timeout: float) -> str:
    return run(["go", *arguments], timeout=timeout, env=shop.environment(), cwd=shop.tree).stdout
