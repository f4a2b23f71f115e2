"""Docker for the tests of this folder alone: its daemon, an image, and what packages they need.

No image registry is needed: the root file system is made by debootstrap, of the packages that the
Containerfile names. The container has no network, so nothing of a lab can leave the machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from latihan.container.place import CACHE, ContainerPlace
from tests.integration.labs import CACHE as MACHINES_CACHE
from tests.places import ROOT

_KEPT = ROOT / ".cache" / "container"
_NEEDED = ("dockerd", "docker", "debootstrap")
_ANSWERS_WITHIN = 60.0
_ENDS_WITHIN = 60.0
_WHEELS = "/var/wheels"
# dockerd makes this one, whatever its options are.
_PLUGINS = Path("/run/docker/plugins")


@dataclass(frozen=True)
class Docker:
    """A Docker daemon of these tests, and how the lab's container is made with it."""

    environment: Mapping[str, str]

    def docker(self, *arguments: str) -> str:
        """Run docker; returns what it printed."""
        done = self._run("docker", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def runner(
        self, *arguments: str, given: str = "", also: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run runner.py in the container, with some text as its input."""
        argv = [sys.executable, str(ROOT / "runner.py"), *arguments]
        return self._run(*argv, given=given, also=also)

    def _run(
        self, *argv: str, given: str = "", also: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**self.environment, **(also or {})},
        )


@pytest.fixture(scope="session")
def engine() -> Iterator[Docker]:
    """A daemon with nothing but the lab's image and the machine's caches; it leaves nothing."""
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)} (packages docker.io, debootstrap)")
    rules, others = firewall(), _PLUGINS.exists()
    folder = Path(tempfile.mkdtemp(prefix="latihan-docker-"))
    try:
        with daemon(folder) as socket:
            yield prepared(socket)
    finally:
        for mounted in mounts_below(folder):
            subprocess.run(["umount", "--recursive", mounted], check=False)
        shutil.rmtree(folder)
        if not others:
            shutil.rmtree(_PLUGINS.parent)
    assert firewall() == rules
    assert mounts_below(folder) == []
    assert not list(Path("/sys/fs/cgroup").glob(f"*/{folder.name}"))


def prepared(socket: str) -> Docker:
    """Docker with the image and the volume of caches."""
    engine = Docker(
        {
            **{name: os.environ[name] for name in os.environ if not name.startswith("LATIHAN_")},
            "DOCKER_HOST": socket,
            "LATIHAN_CONTAINER": "docker",
            "LATIHAN_IMAGE": "latihan-tested",
            "LATIHAN_CONTAINER_OPTIONS": shlex.join(
                [
                    *("--network=none", f"--volume={wheels()}:{_WHEELS}:ro"),
                    *("--env=PIP_NO_INDEX=1", f"--env=PIP_FIND_LINKS={_WHEELS}"),
                ]
            ),
        }
    )
    engine.docker("import", str(root_file_system()), "latihan-tested")
    options = ("type=none", "o=bind", f"device={MACHINES_CACHE}")
    engine.docker("volume", "create", *(f"--opt={option}" for option in options), CACHE)
    return engine


@contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """A dockerd that touches neither the firewall nor the network; gives its address."""
    (folder / "daemon.json").write_text("{}", encoding="utf-8")
    address = f"unix://{folder}/socket"
    client = ["docker", "--host", address]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            [
                *("dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false"),
                *("--ip-forward=false", "--ip-masq=false", f"--host={address}"),
                *(f"--config-file={folder}/daemon.json", f"--pidfile={folder}/pid"),
                *(f"--data-root={folder}/data", f"--exec-root={folder}/run"),
                f"--cgroup-parent=/{folder.name}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _ANSWERS_WITHIN
        while subprocess.run([*client, "version"], capture_output=True, check=False).returncode:
            said = (folder / "log").read_text(encoding="utf-8", errors="replace")
            assert time.monotonic() < deadline, said
            assert running.poll() is None, said
            time.sleep(0.2)
        yield address
        listed = [*client, "ps", "--all", "--quiet"]
        left = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
        if left:
            subprocess.run([*client, "rm", "--force", *left], capture_output=True, check=True)
    finally:
        running.terminate()
        running.wait(_ENDS_WITHIN)
        for group in Path("/sys/fs/cgroup").glob(f"*/{folder.name}"):
            group.rmdir()


def root_file_system() -> Path:
    """An archive of a Debian with the Containerfile's packages; kept until these change."""
    text = ContainerPlace(ROOT).containerfile.read_text(encoding="utf-8")
    packages = re.findall(r"^ {8}([a-z0-9.-]+) \\$", text, re.MULTILINE)
    archive = _KEPT / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.tar"
    if not archive.exists():
        _KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="latihan-debian-") as folder:
            made = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}"]
            subprocess.run([*made, "bookworm", folder], check=True)
            packed = archive.with_suffix(".new")
            subprocess.run(["tar", "--create", f"--file={packed}", "-C", folder, "."], check=True)
        packed.replace(archive)
    return archive


def wheels() -> Path:
    """The Python packages for the container, which can't fetch them."""
    folder = _KEPT / "wheels"
    wanted = ["--requirement", str(ROOT / "requirements.txt"), "--dest", str(folder)]
    fitting = ["--only-binary=:all:", "--python-version=3.11"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *wanted, *fitting]
    subprocess.run(command, check=True)
    return folder


def firewall() -> list[str]:
    """The machine's rules, without counters and comments."""
    said = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout
    return [line.split(" [")[0] for line in said.splitlines() if not line.startswith("#")]


def mounts_below(folder: Path) -> list[str]:
    """What is mounted below a folder, the last first."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return [path for line in lines if (path := line.split()[1]).startswith(f"{folder}/")][::-1]
