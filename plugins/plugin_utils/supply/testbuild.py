"""Kubernetes' own end-to-end tests, from the source package that Kubernetes is built from.

Why the steps are what they are:

- ``test/e2e`` holds its data files as Go code, which is missing in the tree; its generator is in
  ``vendor/``, and the arguments are those of ``hack/generate-bindata.sh``.
- The tests use the cloud providers' packages, so they can't be built without them, as the other
  programs are.
- ``go test -c`` says nothing while it compiles, so what the tests import is compiled before.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import gobuild
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.gobuild import BuildFolders

TESTS, RUNNER, AGNHOST, REGRESSION = "e2e.test", "ginkgo", "agnhost", "regression-issue-74839"
# A certificate that agnhost's servers read, and its key; both are public.
_BESIDE = ("localhost.crt", "localhost.key")
_SUITE = "./test/e2e"
_PROGRAMS = (
    "./vendor/github.com/onsi/ginkgo/ginkgo",
    f"./test/images/{AGNHOST}",
    f"./test/images/{REGRESSION}",
)
_DATA = (
    "test/conformance/testdata/...",
    "test/e2e/testing-manifests/...",
    "test/e2e_node/testing-manifests/...",
    "test/images/...",
    "test/fixtures/...",
)
_NO_DATA = (".jpg", ".png", ".md", r"BUILD(\.bazel)?")
_PROOFS = ((TESTS, "--version"), (RUNNER, "version"), (AGNHOST, "--version"))


def build(version: str, into: Path, cache: Path) -> None:
    """Build the tests, their runner, and the programs of the images that the tests use.

    Args:
        version: the version that the source must have, such as ``v1.20.2``.
        into: an existing folder for the programs.
        cache: the lab's cache; it has the toolchain and the compiler's cache during the build.

    Raises:
        LabError: the source has another version, or a step failed.
    """
    try:
        _build(version, into, cache)
    except LabError as error:
        if error.kind is not Kind.INPUT:
            raise
        raise LabError(
            f"The tests need the sources of the version that runs, {version}. {error.message}",
            "Test a lab whose Kubernetes is built from this system's source package.",
            Kind.INPUT,
        ) from error


def _build(version: str, into: Path, cache: Path) -> None:
    with gobuild.prepared(version, cache) as folders:
        _generate_data(folders)
        stamped = f"-ldflags={gobuild.link_flags(version)}"
        imported = gobuild.go(folders, ["list", '-f={{join .TestImports "\\n"}}', _SUITE]).split()
        gobuild.compile_packages(folders, imported)
        gobuild.compile_packages(folders, _PROGRAMS, stamped, f"-o={into}/")
        gobuild.compile_test(folders, _SUITE, stamped, f"-o={into / TESTS}")
        for name in _BESIDE:
            shutil.copyfile(folders.tree / "test/images/agnhost/porter" / name, into / name)


def proven(folder: Path, version: str) -> bool:
    """Whether a folder has what ``build`` makes, all of it runs, and the tests have that version.

    Raises:
        LabError: the machine can't run a program now, which is no reason to build it again.
    """
    if not all(os.access(folder / name, os.X_OK) for name in (*dict(_PROOFS), REGRESSION)):
        return False
    if not all((folder / name).is_file() for name in _BESIDE):
        return False
    try:
        printed = {name: run([str(folder / name), word]).stdout for name, word in _PROOFS}
    except LabError as error:
        if error.kind is Kind.MACHINE:
            raise
        return False
    return printed[TESTS].strip() == version


def _generate_data(folders: BuildFolders) -> None:
    """Generate test/e2e/generated/bindata.go."""
    generator = folders.work / "go-bindata"
    package = "./vendor/github.com/go-bindata/go-bindata/go-bindata"
    gobuild.go(folders, ["build", *folders.flags, f"-o={generator}", package])
    ignored = [f"-ignore={pattern}" for pattern in _NO_DATA]
    written = ["-nometadata", "-pkg=generated", "-o=test/e2e/generated/bindata.go"]
    run(
        [str(generator), *written, *ignored, *_DATA],
        env=folders.environment(),
        cwd=folders.tree,
    )
