"""Running a command of the lab in its container, as if it ran here."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from latihan.container import engine as engines
from latihan.container import place as places
from latihan.container.engine import ContainerError, Engine
from latihan.container.place import ContainerPlace

_POLL = 0.5
_SIGNALS: Mapping[int, str] = {
    getattr(signal, name): name.removeprefix("SIG")
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)
}
_TEARDOWN = "teardown"
# An engine takes some keys for its own unless it is told others: Ctrl-P would be one of them.
_DETACH_KEYS = "--detach-keys=ctrl-@,ctrl-^,ctrl-@"


def run(
    root: Path,
    name: str,
    options: Sequence[str],
    command: Sequence[str],
    environment: Mapping[str, str],
) -> int:
    """Run a command line in the project's container; make the container if it isn't there.

    Args:
        root: the project's folder.
        name: the engine: docker or podman.
        options: what stands before the name of a playbook or command.
        command: that name, and what follows it.
        environment: the variables of the environment.

    Returns:
        The command's exit code.

    Raises:
        ContainerError: it can't be run, or the container ended meanwhile.
    """
    place = places.from_environment(root, environment)
    engine = engines.find(name)
    need_folders(place)
    provide(engine, place)
    code = inside(engine, place, [*options, *command], environment)
    if code != 0 and state_of(engine, place) != "running":
        said = engine.call("logs", "--tail=5", place.name)
        raise ContainerError(
            f"The container {place.name} ended: {engines.reason(said.stderr or said.stdout)}"
        )
    own_artifacts(engine, place)
    if code == 0 and command[:1] == [_TEARDOWN]:
        leave(engine, place)
    return code


def need_folders(place: ContainerPlace) -> None:
    """Make the folder for reports, as this user; ContainerError if the project isn't whole."""
    if not (place.outside / "collections/ansible_collections/latihan/lab/galaxy.yml").exists():
        raise ContainerError(
            "collections/ansible_collections/latihan/lab is not a symbolic link here. "
            "Clone the project again with `git clone -c core.symlinks=true` (on Windows this needs "
            "the developer mode)."
        )
    place.artifacts.mkdir(parents=True, exist_ok=True)


def provide(engine: Engine, place: ContainerPlace) -> None:
    """Build the image, and make or start the container, unless all is there already."""
    state = state_of(engine, place)
    if state == "running":
        return
    if state in ("created", "exited", "stopped"):
        say(f"Starting the container {place.name} ...")
        engine.must(f"The container {place.name} can't be started", "start", place.name)
        return
    if state:
        raise ContainerError(f"The container {place.name} is {state}: see `{engine.program} ps`.")
    image = place.tag()
    if not place.image and engine.call("image", "inspect", image).returncode != 0:
        build(engine, place, image)
    say(f"Making the container {place.name} ...")
    script = place.script("stay")
    done = engine.call("run", *place.run_options(), image, "--", *script)
    if done.returncode != 0 and "already in use" in done.stderr:
        # Another command makes it at this moment; to start it once more does no harm.
        engine.must(f"The container {place.name} can't be started", "start", place.name)
    elif done.returncode != 0:
        engine.call("rm", "--force", place.name)
        raise ContainerError(
            f"The container can't be made: {engines.reason(done.stderr)} "
            "docs/containers.md lists the rights that it needs."
        )


def state_of(engine: Engine, place: ContainerPlace) -> str:
    """The container's state in the engine's word; empty if there is no container."""
    said = engine.call("container", "inspect", "--format={{.State.Status}}", place.name)
    return said.stdout.strip() if said.returncode == 0 else ""


def build(engine: Engine, place: ContainerPlace, image: str) -> None:
    """Build the image from the project's Containerfile, with nothing else in its context."""
    say(f"Building the image {image} from {place.containerfile} (once, a few minutes) ...")
    with tempfile.TemporaryDirectory(prefix="latihan-") as nothing:
        file = f"--file={place.containerfile}"
        engine.must("The image can't be built", "build", f"--tag={image}", file, nothing)


def inside(
    engine: Engine, place: ContainerPlace, arguments: list[str], environment: Mapping[str, str]
) -> int:
    """Run the command line in the container, with this program's streams and signals.

    The engines pass signals on only if there is a terminal, and end without the command if they
    are ended. So a second program in the container, ``control``, passes on what it is told, and
    hangs up if this program is no more.
    """
    terminal = all(map(is_terminal, range(3)))
    identity = secrets.token_hex(8)
    # Ctrl-C reaches all programs of a terminal; these must outlive it.
    aside: dict[str, Any] = (
        {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        if os.name == "nt"
        else {"start_new_session": True}
    )
    execute = [engine.program, "exec", "--interactive"]
    options = [f"--workdir={place.folder(Path.cwd())}"]
    options += [f"--env={name}" for name in places.handed(environment)]
    options += [f"--env=LATIHAN_ARTIFACTS={place.folder(place.artifacts)}"]
    options += ["--tty", _DETACH_KEYS] if terminal else []
    command = ["python3", str(place.inside / "runner.py"), *arguments]
    control = subprocess.Popen(
        [*execute, place.name, *place.script("control", identity)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **aside,
    )
    with control, told(cast("IO[bytes]", control.stdin)):
        code = run_program(
            [*execute, *options, place.name, *place.script("run", identity, *command)],
            {} if terminal else {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **aside},
        )
    return code if code >= 0 else 128 - code


def run_program(argv: list[str], options: Mapping[str, Any]) -> int:
    """Run a program and pass on what it writes to pipes, if it has any; returns its exit code."""
    with subprocess.Popen(argv, **options) as program:
        streams = ((program.stdout, sys.stdout), (program.stderr, sys.stderr))
        threads = [
            threading.Thread(target=pass_on, args=(source, target))
            for source, target in streams
            if source is not None
        ]
        for thread in threads:
            thread.start()
        code = ended(program)
        for thread in threads:
            thread.join()
    return code


def is_terminal(number: int) -> bool:
    """Whether one of the three streams is a terminal."""
    return os.isatty(number)


def ended(program: subprocess.Popen[bytes]) -> int:
    """Wait for a program's end, in pieces: on Windows a signal is handled only between them."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return program.wait(_POLL)


@contextmanager
def told(line: IO[bytes]) -> Iterator[None]:
    """Tell ``control`` of signals while the block runs, and of its end."""

    def tell(word: str) -> None:
        with suppress(OSError):  # The container may have ended.
            os.write(line.fileno(), f"{word}\n".encode())

    before = {
        number: signal.signal(number, lambda number, _frame: tell(_SIGNALS[number]))
        for number in _SIGNALS
    }
    try:
        yield
        tell("end")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def pass_on(source: IO[bytes], target: IO[str]) -> None:
    """Write what comes from the command here; if nobody reads it any more, the command goes on."""
    buffered = getattr(target, "buffer", None)
    binary = getattr(buffered, "raw", buffered)  # PYTHONUNBUFFERED leaves out the buffer.
    while part := source.read1(65536):  # type: ignore[attr-defined]
        try:
            while binary is not None and part:
                part = part[binary.write(part) :]
        except OSError:
            binary = None


def own_artifacts(engine: Engine, place: ContainerPlace) -> None:
    """Give the reports to this user, where root made them."""
    if not hasattr(os, "getuid") or os.getuid() == 0:
        return
    if any(path.lstat().st_uid != os.getuid() for path in place.artifacts.glob("*/*")):
        owner, folder = f"{os.getuid()}:{os.getgid()}", place.folder(place.artifacts)
        engine.call("exec", place.name, "chown", "--recursive", "--no-dereference", owner, folder)


def leave(engine: Engine, place: ContainerPlace) -> None:
    """Remove the container and its volume of labs, if there is no lab and nothing else runs."""
    if engine.call("exec", place.name, *place.script("unused")).returncode == 0:
        engine.must("The container can't be removed", "rm", "--force", place.name)
        engine.must("The volume of its labs can't be removed", "volume", "rm", place.state)


def say(text: str) -> None:
    """One line for the person who waits; on stderr, so that a command's output stays clean."""
    print(text, file=sys.stderr, flush=True)
