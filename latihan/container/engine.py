"""Docker or Podman: whether it can run the lab's container, and what it says if it can't."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass

# The exit codes of docs/commands.md.
BAD_INPUT = 2
MACHINE = 3
# The oldest versions that have a namespace for control groups (Docker: --cgroupns, API 1.41), or
# that were tried.
OLDEST = {"docker": (20, 10), "podman": (4, 0)}
_TITLES = {"docker": "Docker", "podman": "Podman"}
_ROOT = {
    "docker": "Use the engine that root runs (`docker context use default`).",
    "podman": "Run it as root (with sudo), or, if Podman has a machine, let that have root "
    "(`podman machine set --rootful`).",
}


class ContainerError(Exception):
    """What keeps a command from running in the container; the text says what to do.

    Args:
        text: what is wrong, and what to do.
        code: the exit code.
    """

    def __init__(self, text: str, code: int = MACHINE) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class EngineInfo:
    """What an engine says of itself.

    ``kind`` is docker or podman, whatever the program is called. ``rootless`` says that its
    containers have a user namespace, ``system`` what they run on.
    """

    kind: str
    version: tuple[int, ...]
    rootless: bool
    system: str


@dataclass(frozen=True)
class Engine:
    """An engine that was found to fit: its program, and the kind of engine that answered."""

    program: str
    kind: str

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the program with these arguments to its end, and keep what it printed."""
        return call(self.program, *arguments)

    def must(self, trouble: str, *arguments: str) -> str:
        """The same, and return what it printed; ContainerError (``trouble``, why) if it fails."""
        done = self.call(*arguments)
        if done.returncode != 0:
            raise ContainerError(f"{trouble}: {reason(done.stderr or done.stdout)}")
        return done.stdout


def call(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and keep what it printed."""
    return subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def find(name: str) -> Engine:
    """The engine of that name, once it has answered.

    Raises:
        ContainerError: there is none, or it can't run the lab.
    """
    if name not in OLDEST:
        raise ContainerError(
            f"There is no container engine {name!r}: --container (or LATIHAN_CONTAINER) takes "
            f"{' or '.join(OLDEST)}.",
            BAD_INPUT,
        )
    program = shutil.which(name)
    if program is None:
        raise ContainerError(
            f"There is no program {name} in the PATH. Install {_TITLES[name]}, or name the other "
            "engine."
        )
    done = call(program, "info", "--format", "{{json .}}")
    about = parsed(done.stdout) if done.returncode == 0 else None
    if about is None:
        raise ContainerError(unreachable(name, done.stderr.strip() or complaint(done.stdout)))
    trouble = unfit(about)
    if trouble:
        raise ContainerError(trouble)
    return Engine(program, about.kind)


def parsed(said: str) -> EngineInfo | None:
    """What ``info`` printed as JSON; None if it is none, or says nothing of the engine itself.

    Docker's fields are those of moby's api/types/system/info.go, Podman's of libpod/define/info.go.
    """
    try:
        found = json.loads(said)
        if found.get("ServerErrors"):
            return None
        if "host" in found:
            host = found["host"]
            rootless = bool(host["security"]["rootless"])
            return EngineInfo("podman", version(found["version"]["Version"]), rootless, host["os"])
        options = [str(option) for option in found.get("SecurityOptions") or ()]
        rootless = any(re.match(r"name=(rootless|userns)\b", option) for option in options)
        return EngineInfo("docker", version(found["ServerVersion"]), rootless, found["OSType"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def complaint(said: str) -> str:
    """What ``info`` says is wrong: Docker may put it into its JSON (docker/cli: system/info.go)."""
    try:
        return "\n".join(json.loads(said)["ServerErrors"])
    except (ValueError, TypeError, KeyError):
        return said


def version(text: str) -> tuple[int, ...]:
    """The first two numbers of a version such as ``20.10.24+dfsg1``."""
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])


def unfit(about: EngineInfo) -> str:
    """Why an engine can't run the lab, and what to do; empty if it can."""
    title, oldest = _TITLES[about.kind], OLDEST[about.kind]
    if about.system != "linux":
        return (
            f"{title} runs containers of {about.system} here, and the lab is one of Linux. "
            "Switch it to Linux containers."
        )
    if about.version < oldest:
        found, needed = (".".join(map(str, each)) for each in (about.version, oldest))
        return f"{title} {found} is too old: the lab needs {needed} or newer. Install a newer one."
    if about.rootless:
        return (
            f"{title} runs without root here, and the lab's nodes need a root without a user "
            f"namespace. {_ROOT[about.kind]}"
        )
    return ""


def unreachable(name: str, said: str) -> str:
    """Why an engine doesn't answer, and what to do, from what its program printed."""
    title = _TITLES[name]
    if "permission denied" in said.lower():
        return (
            f"You may not use {title}'s socket. Run it as root (with sudo), or as a user who may "
            f"(on Linux a member of the group {name}, which is as good as root)."
        )
    if re.search(
        r"cannot connect|is the docker daemon running|connection refused", said, re.IGNORECASE
    ):
        return f"{title} doesn't answer: {reason(said)} Start it, then run this again."
    return f"{title} doesn't work here: {reason(said)}"


def reason(said: str) -> str:
    """The line in which a program said why it failed, ending with a full stop."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(docker: )?error\b", line, re.IGNORECASE)]
    line = (errors or lines or ["it printed nothing"])[-1]
    return line if line.endswith((".", "?")) else f"{line}."
