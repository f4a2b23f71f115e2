"""Other systems to run the lab in: their files made by debootstrap, with this machine's kernel.

Such a system has its own files, processes and host name. It shares the kernel, the control groups
and the network with this machine, so that its apt and pip reach what this machine's do.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.integration.labs import CACHE, Done
from tests.places import ROOT

PROGRAMS = "/opt/kubernetes"
_ENTER = Path(__file__).parent / "enter.sh"
_PROJECT = "root/latihan"
# What somebody who installs a small Debian has at least.
_PACKAGES = "ca-certificates,python3"
# How this machine reaches its mirrors; a system of its own there would have been told the same.
NETWORK = (
    "etc/resolv.conf",
    "etc/hosts",
    "etc/pip.conf",
    "etc/ssl/certs/ca-certificates.crt",
)
_SPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--")


@dataclass(frozen=True)
class System:
    """A system that was just installed, and the project in it; nothing of the lab was made yet.

    ``root`` is the folder with its files, ``programs`` this machine's folder with Kubernetes.
    """

    root: Path
    programs: Path

    @property
    def project(self) -> Path:
        """The project's folder, as this machine sees it."""
        return self.root / _PROJECT

    def run(self, *argv: str) -> Done:
        """Run a command in the project's folder, as root."""
        inside = ["env", f"--chdir=/{_PROJECT}", *argv]
        done = subprocess.run(
            [*_SPACES, "sh", _ENTER, self.root, self.programs, *inside],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return Done(done.returncode, done.stdout)


@contextlib.contextmanager
def installed(suite: str) -> Iterator[System]:
    """A Debian for a while; its packages are fetched once, then kept in the cache.

    Args:
        suite: Debian's name for it, as in trixie.
    """
    built = sorted(CACHE.glob("kubernetes/*-debian/bin"))
    assert built, "build Kubernetes first: python3 runner.py provision -e kubernetes_source=debian"
    kept = _kept(suite)
    with tempfile.TemporaryDirectory(prefix=f"{suite}-", dir=kept.parent) as folder:
        root = Path(folder) / "root"
        _do("cp", "--archive", kept, root)
        for name in NETWORK:
            if (Path("/") / name).exists():
                shutil.copyfile(Path("/") / name, root / name)
        (root / "etc/hostname").write_text(f"{suite}\n", encoding="utf-8")
        _copy_project(root / _PROJECT)
        yield System(root, built[-1])


def _kept(suite: str) -> Path:
    """The files of a system as debootstrap leaves them."""
    kept = CACHE / "machines" / suite
    if kept.is_dir():
        return kept
    if not shutil.which("debootstrap"):
        _do("apt-get", "install", "-y", "-q", "--no-install-recommends", "debootstrap")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{suite}-", dir=kept.parent) as folder:
        made = Path(folder) / "root"
        _do("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", suite, made)
        for package in (made / "var/cache/apt/archives").glob("*.deb"):
            package.unlink()
        made.rename(kept)
    return kept


def _copy_project(into: Path) -> None:
    """The project's files, without what was made in it."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = _do(*listed).stdout.rstrip("\0").split("\0")
    for name in names:
        source = ROOT / name
        if source.is_symlink() or source.exists():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, into / name, follow_symlinks=False)


def _environment() -> dict[str, str]:
    """What a login would set, and this machine's settings for pip and proxies."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**settings(), "PATH": path, "HOME": "/root", "LANG": "C.UTF-8"}


def settings() -> dict[str, str]:
    """This machine's settings for pip and proxies."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name.lower().endswith("_proxy")
    }


def _do(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done


def main(arguments: Sequence[str]) -> int:
    """Run a command in a new system: ``python -m tests.machines.roots SUITE COMMAND ...``."""
    suite, *command = arguments
    with installed(suite) as system:
        done = system.run(*command)
    print(done.out)
    return done.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
