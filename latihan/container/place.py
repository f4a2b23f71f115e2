"""The lab's container: its name, image, rights, volumes, and where the project is in it."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from latihan.container.engine import BAD_INPUT, ContainerError

# docs/containers.md says what each is for, and what happens without it.
CAPABILITIES = (
    # containerd gives these to every pod, and can't without having them.
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    *("NET_ADMIN", "SYS_ADMIN", "SYSLOG"),
)
RIGHTS = (
    "--cap-drop=ALL",
    *(f"--cap-add={name}" for name in CAPABILITIES),
    "--device=/dev/kmsg",
    "--device-cgroup-rule=c 5:1 rwm",
    "--cgroupns=private",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=label=disable",
    "--pids-limit=-1",
)
CACHE = "latihan-cache"
_STATE_FOLDER = "/var/lib/latihan"
_CACHE_FOLDER = "/var/cache/latihan"
_PYTHON_FOLDER = "/opt/latihan"
_SCRIPT = PurePosixPath("latihan", "container", "inside.sh")
# What of the environment outside counts inside. Values go by the environment, never by an argument
# that all can read: a proxy's address may have a password in it.
_HANDED = (
    *("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST"),
    *("TERM", "COLORTERM", "NO_COLOR", "LATIHAN_KEPT_RUNS"),
)


@dataclass(frozen=True)
class ContainerPlace:
    """A project and the container that runs it.

    Args:
        outside: the project's folder.
        image: the name of the image; empty for the one that the project's Containerfile makes.
        options: more options for the command ``run`` of the engine.
        reports: the folder for reports, outside; None for ``artifacts`` in the project.
    """

    outside: Path
    image: str = ""
    options: tuple[str, ...] = ()
    reports: Path | None = None

    @property
    def artifacts(self) -> Path:
        """Where runs leave their reports, outside."""
        return self.reports or self.outside / "artifacts"

    @property
    def inside(self) -> PurePosixPath:
        """The project's folder in the container: the same, if such a path can be one there."""
        return PurePosixPath(self.outside if os.name == "posix" else "/latihan")

    @property
    def name(self) -> str:
        """The container's name: each folder with a project has a container of its own."""
        return f"latihan-{hashlib.sha256(str(self.outside).encode()).hexdigest()[:8]}"

    @property
    def state(self) -> str:
        """The volume of its labs."""
        return f"{self.name}-state"

    @property
    def containerfile(self) -> Path:
        """What the image is built from."""
        return self.outside / "Containerfile"

    def tag(self) -> str:
        """The image's name; that of our own says which Containerfile it is from."""
        digest = hashlib.sha256(self.containerfile.read_bytes()).hexdigest()
        return self.image or f"latihan:{digest[:12]}"

    def run_options(self) -> list[str]:
        """The engine's options for the container: rights, volumes, environment."""
        volumes = {
            CACHE: _CACHE_FOLDER,
            self.state: _STATE_FOLDER,
            f"{self.name}-python": _PYTHON_FOLDER,
            str(self.outside): str(self.inside),
        }
        return [
            *("--detach", f"--name={self.name}", *RIGHTS, "--tmpfs=/run"),
            # All projects share the caches, but not the locks of their labs.
            f"--tmpfs={_CACHE_FOLDER}/locks:mode=0700",
            *(f"--volume={source}:{target}" for source, target in volumes.items()),
            f"--env=LATIHAN_VENV={_PYTHON_FOLDER}/venv",
            # Compiled modules would be root's, in the user's folder.
            "--env=PYTHONDONTWRITEBYTECODE=1",
            *("--entrypoint=tini", *self.options),
        ]

    def script(self, *arguments: str) -> list[str]:
        """The command line in the container for a part of inside.sh."""
        return ["sh", str(self.inside / _SCRIPT), *arguments]

    def folder(self, path: Path) -> str:
        """A working folder outside, as the container knows it; the project's, if it doesn't."""
        if path.is_relative_to(self.outside):
            return str(self.inside.joinpath(*path.relative_to(self.outside).parts))
        return str(self.inside)


def from_environment(root: Path, environment: Mapping[str, str]) -> ContainerPlace:
    """The place of a project, with what LATIHAN_IMAGE and the like change.

    Raises:
        ContainerError: a variable has no valid value.
    """
    try:
        options = shlex.split(environment.get("LATIHAN_CONTAINER_OPTIONS", ""))
    except ValueError as error:
        raise ContainerError(f"LATIHAN_CONTAINER_OPTIONS: {error}.", BAD_INPUT) from error
    named = environment.get("LATIHAN_ARTIFACTS")
    reports = Path(named).resolve() if named else None
    if reports is not None and not reports.is_relative_to(root):
        raise ContainerError(
            f"LATIHAN_ARTIFACTS is {reports}, which the container doesn't see. "
            f"Name a folder in {root}.",
            BAD_INPUT,
        )
    return ContainerPlace(root, environment.get("LATIHAN_IMAGE", ""), tuple(options), reports)


def handed(environment: Mapping[str, str]) -> list[str]:
    """The names of the variables that are handed to a command in the container."""
    return [name for name in _HANDED if name in environment]
